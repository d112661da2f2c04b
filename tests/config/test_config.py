"""Configurations that compose, and folders that a run may write to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from synth_scaling.config.checks import check_folders
from synth_scaling.config.naming import run_hash
from synth_scaling.config.task_checks import check_task
from synth_scaling.core.validation import ConfigError
from synth_scaling.methods import METHODS
from synth_scaling.tasks import TASKS, embedded_tasks
from tests.support.composing import changed, config, leaves, with_words

ROOT = Path(__file__).parents[2]
WORDED = [task for task in TASKS if task not in embedded_tasks()]


@pytest.mark.parametrize("task", embedded_tasks())
@pytest.mark.parametrize("method", METHODS)
def test_every_method_composes_on_every_embedded_task(task: str, method: str) -> None:
    c = config(f"task={task}", f"method={method}")
    assert type(c.task) is TASKS[task][1] and type(c.method) is METHODS[method].options
    assert c.task.name == task and c.method.name == c.label == method
    assert c.method == METHODS[method].options()  # type: ignore[call-arg]  # conf/ holds no second set of defaults
    assert c.output == "outputs/single"


@pytest.mark.parametrize("task", WORDED)
def test_tasks_in_words_compose(task: str) -> None:
    c = with_words(f"task={task}")
    assert type(c.task) is TASKS[task][1] and c.task == TASKS[task][1]()  # conf/ holds no second set of defaults
    paths = [path for path in leaves(c.task) if path != ("path",)]  # named by what is in the files
    names = [run_hash(changed(c, ("task", *path))) for path in paths]
    assert len({*names, run_hash(c)}) == len(names) + 1 > 5


def test_word_sums_needs_no_files() -> None:
    check_task(with_words("task=word_sums", "data.problems=50"))
    with pytest.raises(
        ConfigError, match=r"^evaluation\.problems=501: task=word_sums has 500 test problems, 501 asked for$"
    ):
        check_task(with_words("task=word_sums", "evaluation.problems=501"))


def test_every_file_of_a_group_is_a_choice_and_every_choice_has_a_file() -> None:
    assert {path.stem for path in (ROOT / "conf" / "method").glob("*.yaml")} == METHODS.keys()
    assert {path.stem for path in (ROOT / "conf" / "task").glob("*.yaml")} == TASKS.keys()


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.positives=0"],  # sft uses none
        ["method=rft", "data.negatives=0"],
        ["data.positives=16", "data.negatives=16"],
        ["data.problems=1", "data.rollouts=1", "data.positives=1", "data.negatives=1", "data.max_negatives=1"],
        ["method=dpo", "method.nll=0", "method.beta=1e-9"],
        ["model.pretrain_documents=0"],
        ["model.width=128", "model.heads=2"],
        ["trainer.batch_size=12", "trainer.gradient_accumulation=3"],
        ["evaluation.pass_at_k=[1,4]", "evaluation.problems=7", "evaluation.split=validation"],
    ],
    ids=" ".join,
)
def test_values_at_the_allowed_limits_pass_and_name_a_run(overrides: list[str]) -> None:
    assert re.fullmatch("[0-9a-f]{16}", run_hash(config(*overrides)))


@pytest.mark.parametrize("key", ["output", "store"])
def test_a_folder_below_a_file_is_refused(key: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folders = {"output": f"{tmp_path}/output", "store": f"{tmp_path}/store", key: f"{tmp_path}/file/deep"}
    with pytest.raises(ConfigError, match=rf"^{key}={tmp_path}/file/deep: allowed is a folder that can be written"):
        check_folders(config(*(f"{name}={folder}" for name, folder in folders.items())))


def test_folders_that_can_be_written_are_left_empty(tmp_path: Path) -> None:
    check_folders(config(f"output={tmp_path}/a/b", f"store={tmp_path}/c"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
