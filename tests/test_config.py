"""What composes, what is refused and in which words, what names a run, and how the command says no."""

from __future__ import annotations

import copy
import dataclasses
import json
import multiprocessing
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from command import main
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.bounds import ConfigError
from synth_scaling.checks import check, check_folders, check_task
from synth_scaling.config import Config, register_schemas, run_hash, typed
from synth_scaling.config_errors import one_line
from synth_scaling.methods import METHODS
from synth_scaling.stages import Stages
from synth_scaling.store import SHIPPED, Store
from synth_scaling.tasks import EMBEDDED, TASKS, make_task
from synth_scaling.tracking import NoTracker

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module", autouse=True)
def _hydra() -> Iterator[None]:
    register_schemas()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield


def config(*overrides: str) -> Config:
    return typed(compose("config", list(overrides)))


# -- what composes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", EMBEDDED)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_composes_on_every_embedded_task(task: str, method: str) -> None:
    c = config(f"task={task}", f"method={method}")
    assert type(c.task) is TASKS[task][1] and type(c.method) is METHODS[method].options
    assert c.task.name == task and c.method.name == c.label == method
    assert c.method == METHODS[method].options()  # type: ignore[call-arg]  # conf/ holds no second set of defaults
    assert c.output == "outputs/single"


WORDED = [task for task in TASKS if task not in EMBEDDED]


def with_words(*overrides: str) -> Config:
    """A configuration with a task in words and a pretrained model; the task is not made."""
    c = OmegaConf.to_object(compose("config", ["model=smollm2_135m", *overrides]))
    assert isinstance(c, Config)
    check(c)
    return c


@pytest.mark.parametrize("task", WORDED)
def test_tasks_in_words_compose(task: str) -> None:
    c = with_words(f"task={task}")
    assert type(c.task) is TASKS[task][1] and c.task == TASKS[task][1]()  # conf/ holds no second set of defaults
    names = [run_hash(changed(c, ("task", *path))) for path in leaves(c.task)]
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
def test_the_edges_of_what_is_allowed_pass_and_name_a_run(overrides: list[str]) -> None:
    assert re.fullmatch("[0-9a-f]{16}", run_hash(config(*overrides)))


# -- what is refused -------------------------------------------------------------------------------------------------

LEAST_ONE, ABOVE_ZERO = "allowed are values of at least 1", "allowed are values above 0"
SHARE = "allowed are shares from 0 to 1"
REFUSED = [
    ("data.problems=0", LEAST_ONE),
    ("data.problems=-3", LEAST_ONE),
    ("data.rollouts=0 data.positives=0 data.negatives=0", LEAST_ONE),
    ("data.traces=0", LEAST_ONE),
    ("evaluation.difficulty_rollouts=-1", "allowed are values of at least 0"),
    ("data.positives=17", "allowed are 0 to data.rollouts=16"),
    ("data.positives=-1", "allowed are 0 to data.rollouts=16"),
    ("data.negatives=9 data.rollouts=8", "allowed are 0 to data.rollouts=8"),
    ("data.max_negatives=0", LEAST_ONE),
    ("data.temperature=0.0", ABOVE_ZERO),
    ("data.temperature=nan", ABOVE_ZERO),
    ("credit.temperature=-1.0", ABOVE_ZERO),
    ("credit.rollouts=0", LEAST_ONE),
    ("rollout_policy.epochs=0.0", ABOVE_ZERO),
    ("rollout_policy.learning_rate=0.0", ABOVE_ZERO),
    ("method.epochs=0.0", ABOVE_ZERO),
    ("method.epochs=nan", ABOVE_ZERO),
    ("method.learning_rate=-0.1", ABOVE_ZERO),
    ("method.start=pretrained", "allowed are base, pi_sft"),
    ("method.pairing=closest method=dpo", "allowed are random, nearest, farthest"),
    ("method.pairing=closest method=dpo_edit_distance", "allowed are random, nearest, farthest"),
    ("method.pit=first method=step_dpo", "allowed are lowest, first_zero"),
    ("method.pit=first method=step_sft", "allowed are lowest, first_zero"),
    ("method.rejected=all method=step_dpo", "allowed are step, rest"),
    ("method.chosen=step method=step_dpo", "allowed are prefix, response"),
    ("method.drop=steps method=rft_filtered", "allowed are responses, tokens"),
    ("method.weight=linear method=advantage_weighted", "allowed are exp, positive"),
    ("method.best_of=0 method=rft_filtered", LEAST_ONE),
    ("method.best_of=0 method=advantage_weighted", LEAST_ONE),
    ("method.beta=0.0 method=dpo", ABOVE_ZERO),
    ("method.beta=-1.0 method=step_dpo", ABOVE_ZERO),
    ("method.beta=0.0 method=advantage_weighted", ABOVE_ZERO),
    ("method.clip=0.0 method=advantage_weighted", ABOVE_ZERO),
    ("method.nll=-1.0 method=dpo", "allowed are values of at least 0"),
    ("data.positives=0 method=rft", "method=rft needs at least 1"),
    ("data.positives=0 method=rft_filtered", "method=rft_filtered needs at least 1"),
    ("data.negatives=0 method=dpo", "method=dpo needs at least 1"),
    ("data.negatives=0 method=step_dpo", "method=step_dpo needs at least 1"),
    ("data.negatives=0 method=advantage_weighted", "method=advantage_weighted needs at least 1"),
    ("model.width=0", LEAST_ONE),
    ("model.layers=0", LEAST_ONE),
    ("model.heads=0", LEAST_ONE),
    ("model.feedforward=0", LEAST_ONE),
    ("model.pretrain_batch_size=0", LEAST_ONE),
    ("model.pretrain_documents=-1", "allowed are values of at least 0"),
    ("model.heads=4", "model.width / model.heads must be one of (32, 64,"),
    ("model.heads=3", "model.width / model.heads must be one of (32, 64,"),
    ("trainer.batch_size=0", LEAST_ONE),
    ("trainer.gradient_accumulation=0", LEAST_ONE),
    ("trainer.logging_steps=0", LEAST_ONE),
    ("trainer.gradient_accumulation=3", "allowed are divisors of trainer.batch_size=32"),
    ("trainer.dtype=float16", "allowed are float32, bfloat16"),
    ("trainer.lora.rank=-1", "allowed are values of at least 0"),
    ("trainer.lora.alpha=0.0", ABOVE_ZERO),
    ("trainer.lora.dropout=1.0", "allowed are 0 to 0.99"),
    ("engine.max_model_len=1", "allowed are values of at least 2"),
    ("engine.name=hf", "allowed are vllm"),
    ("engine.dtype=float8", "allowed are float32, bfloat16, float16"),
    ("engine.max_num_seqs=0", LEAST_ONE),
    ("engine.max_batched_tokens=0", LEAST_ONE),
    ("engine.memory_gib=0", LEAST_ONE),
    ("engine.tensor_parallel_size=0", LEAST_ONE),
    ("evaluation.split=train", "allowed are validation, test"),
    ("evaluation.problems=0", LEAST_ONE),
    ("tracking.name=mlflow", "allowed are wandb, none"),
    ("tracking.mode=disabled", "allowed are auto, online, offline"),
    ("threads=0", LEAST_ONE),
    ("seed=-1", "allowed are 0 to 2^32 - 1"),
    ("task.side=2", "allowed are 3 to 26"),
    ("task.edge_share=1.5", SHARE),
    ("task.slack=-1", "allowed are values of at least 0"),
    ("task.min_distance=11", "allowed are 1 to task.max_distance=10"),
    ("task.spurious=-0.5 task=chain", SHARE),
    ("task.letters=8 task=chain", "allowed are leaves + operations=9 to 26"),
    ("task.degree=1 task=star_graph", "allowed are 2 or more"),
    ("task.n_nodes=6 task=star_graph", "allowed are 7 or more"),
]


@pytest.mark.parametrize(("overrides", "allowed"), REFUSED, ids=[overrides for overrides, _ in REFUSED])
def test_a_wrong_value_is_refused_with_key_value_and_what_is_allowed(overrides: str, allowed: str) -> None:
    wrong = overrides.split()[0]
    with pytest.raises(ConfigError) as error:
        config(*reversed(overrides.split()))
    assert one_line(error.value).startswith(f"{wrong}: ") and allowed in one_line(error.value)
    assert "\n" not in one_line(error.value)


# Values that would fail late, mean something else, or be a run that has no name (JSON cannot hold them).
FAIL_LATE = [
    ("method.clip=inf method=advantage_weighted", "finite"),
    ("method.epochs=inf", "finite"),
    ("method.spurious_threshold=nan method=rft_filtered", "finite"),
    ("trainer.weight_decay=nan", "allowed"),
    ("trainer.weight_decay=-0.1", "allowed"),
    ("trainer.schedule=cosin", "cosine"),
    ("trainer.warmup_share=-0.1", "allowed"),
    ("trainer.max_grad_norm=-1.0", "allowed"),
    ("model.pretrain_learning_rate=0.0", ABOVE_ZERO),
    ("model.seed=-1", "allowed are 0 to 2^32 - 1"),
    ("task.world_seed=-1", "allowed are 0 to 2^32 - 1"),
    ("seed=4294967296", "allowed"),  # numpy's legacy seeding, which transformers calls, takes 32 bits
    ("evaluation.temperature=0.0 evaluation.pass_at_k=[4]", ABOVE_ZERO),
    ("engine.gpu_memory_share=0.0", "allowed"),
    ("engine.gpu_memory_share=1.5", "allowed"),
    ("tracking.sampled_rows=-1", "allowed are values of at least 0"),
]


@pytest.mark.parametrize(("overrides", "allowed"), FAIL_LATE, ids=[overrides for overrides, _ in FAIL_LATE])
def test_what_would_fail_late_is_refused_early(overrides: str, allowed: str) -> None:
    test_a_wrong_value_is_refused_with_key_value_and_what_is_allowed(overrides, allowed)


@pytest.mark.parametrize("task", WORDED)
def test_a_model_is_pretrained_for_embedded_tasks_only(task: str) -> None:
    with pytest.raises(ConfigError, match=rf"^model=tiny: .* task=maze, chain, star_graph only; task={task} has no"):
        config(f"task={task}")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["task=gsm8k"], "task.path=null: task=gsm8k needs its files; download https://"),
        (["task=math", "task.path=/nowhere"], "task.path=/nowhere: no test.jsonl, test.jsonl.gz or test.parquet there"),
        (["task=word_sums", "task.n_validation=-1"], "task.n_validation=-1: allowed are values of at least 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_task_in_words_refuses_is_one_line(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_task(with_words(*overrides))
    assert str(error.value).startswith(words) and "\n" not in str(error.value)


def test_each_of_several_k_is_checked() -> None:
    with pytest.raises(ConfigError, match=r"^evaluation\.pass_at_k=0: allowed are values of at least 1$"):
        config("evaluation.pass_at_k=[1,0]")


# A name that is not the file's: the choice is made with `method=dpo`, not `method.name=dpo`.
@pytest.mark.parametrize("wrong", ["method.name=ours", "method.name=dpo", "task.name=ours", "task.name=chain"])
def test_a_name_that_does_not_fit_its_options_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(wrong)}: "):
        config(wrong)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.problems=10000000"], ["data.problems=10000000"]),
        (["evaluation.problems=5000"], ["evaluation.problems=5000", "1000"]),
        (
            ["task=star_graph", "evaluation.problems=301", "evaluation.split=validation"],
            ["evaluation.problems=301", "300"],
        ),
    ],
    ids=lambda value: " ".join(value),
)
def test_more_problems_than_the_task_has_are_refused(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        config(*overrides)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.problemz=5", ["data.problemz", "no such key", "problems", "positives"]),
        ("problems=5", ["problems", "no such key", "data"]),
        ("data.problems=many", ["data.problems", "many", "Integer"]),
        ("data.problems=1.5", ["data.problems", "1.5", "Integer"]),
        ("data.problems=null", ["data.problems"]),
        ("trainer.gradient_checkpointing=perhaps", ["trainer.gradient_checkpointing", "perhaps", "bool"]),
        ("method=ours", ["method", "ours", *METHODS]),
        ("engine=openai", ["engine", "engine=vllm for synth_scaling"]),
        ("task=ours", ["task", "ours", *TASKS]),
        ("method.beta=1", ["method.beta", "no such key", "epochs"]),
    ],
)
def test_what_hydra_refuses_is_one_line_too(override: str, words: list[str]) -> None:
    with pytest.raises((HydraException, OmegaConfBaseException)) as error:
        config(override)
    line = one_line(error.value)
    assert "\n" not in line and [word for word in words if word not in line] == []


# -- folders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["output", "store"])
def test_a_folder_below_a_file_is_refused(key: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folders = {"output": f"{tmp_path}/output", "store": f"{tmp_path}/store", key: f"{tmp_path}/file/deep"}
    with pytest.raises(ConfigError, match=rf"^{key}={tmp_path}/file/deep: allowed is a folder that can be written"):
        check_folders(config(*(f"{name}={folder}" for name, folder in folders.items())))


def test_folders_that_can_be_written_are_left_empty(tmp_path: Path) -> None:
    check_folders(config(f"output={tmp_path}/a/b", f"store={tmp_path}/c"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# -- what names a run ------------------------------------------------------------------------------------------------


def leaves(options: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        yield from leaves(value, (*path, field.name)) if dataclasses.is_dataclass(value) else [(*path, field.name)]


def changed(c: Config, path: tuple[str, ...]) -> Config:
    """`c` with another value at `path`."""
    c = copy.deepcopy(c)
    *parents, key = path
    owner: Any = c
    for parent in parents:
        owner = getattr(owner, parent)
    value = getattr(owner, key)
    match value:
        case bool():
            value = not value
        case int() | float():
            value += 1
        case str():
            value += "x"
        case None:
            value = 7
        case list():
            value = [*value, 1]
    setattr(owner, key, value)
    return c


@pytest.mark.parametrize("task", EMBEDDED)
def test_a_run_is_named_by_every_key_but_those_that_do_not_change_its_result(task: str) -> None:
    c = config(f"task={task}")
    hashes = {path: run_hash(changed(c, path)) for path in leaves(c)}
    kept = {path for path, name in hashes.items() if name == run_hash(c)}
    made = {("engine", "replicas"), ("engine", "by_turns")}  # how it is made, not what it is
    assert kept == made | {path for path in hashes if path[0] in ("tracking", "output", "store", "sweep")}
    named = [name for path, name in hashes.items() if path not in kept]
    assert len(set(named)) == len(named) > 40


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_named_by_every_option_of_its_method(method: str) -> None:
    c = config(f"method={method}")
    names = [run_hash(changed(c, ("method", *path))) for path in leaves(c.method)]
    assert len({*names, run_hash(c)}) == len(names) + 1 > 4


def test_a_runs_name_does_not_depend_on_how_it_was_written() -> None:
    same = ["tracking=none", "output=a", "store=b", "sweep=c", "label=rft", "method.epochs=8.0"]
    assert run_hash(config("method=rft", "method.epochs=8")) == run_hash(config(*same, "method=rft"))


def test_options_added_later_leave_the_names_of_runs_and_stages_that_do_not_use_them() -> None:
    """These were the names before trainer.lora, trainer.packing, evaluation.base, engine.max_model_len and so on."""
    assert run_hash(config()) == "f7aa3b19beadcbe3"
    assert run_hash(config("method=step_dpo")) == "50dc758710ba7da3"
    assert run_hash(config("task=chain", "seed=3")) == "eb1d1bfe51468f02"
    assert run_hash(config("trainer.lora.rank=4")) != run_hash(config("trainer.packing=true")) != run_hash(config())


@pytest.mark.parametrize(
    "overrides", [["trainer.lora.rank=8"], ["task.side=12", "model.pretrain_documents=480000"]], ids=" ".join
)
def test_the_shipped_bases_are_found(overrides: list[str], tmp_path: Path) -> None:
    """With or without an adapter on top: the base is pretrained in full."""
    for name in (folder.name for folder in SHIPPED.glob("base/*")):
        made_with = json.loads((SHIPPED / "base" / name / "stage.json").read_text())["key"]
        if any(version(package) != made_with[package] for package in ("torch", "transformers", "trl")):
            pytest.skip("they were made with other versions")
    c = config(*overrides)
    base = Stages(c, Store(tmp_path), NoTracker(), make_task(c.task)).base()
    assert base.path.parent == SHIPPED / "base" and not base.made_here and not list(tmp_path.iterdir())


def test_an_automatic_dtype_is_settled_before_it_names_a_run() -> None:
    settled = "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"
    c = config("trainer.dtype=auto", "engine.dtype=auto")
    assert (c.trainer.dtype, c.engine.dtype) == (settled, settled)
    assert run_hash(c) == run_hash(config(f"trainer.dtype={settled}", f"engine.dtype={settled}"))


# -- the command -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a command ended, and the files that it left."""

    code: int | None
    out: str
    err: str
    files: list[str]


COMMANDS = {
    "unknown key": ["data.problemz=5"],
    "wrong type": ["data.problems=many"],
    "out of range": ["data.problems=0"],
    "crosses fields": ["data.positives=17"],
    "unwritable output": ["output=file/deep"],
    "unwritable store": ["store=file/deep"],
    "unknown method": ["method=ours"],
    "unknown sweep": ["--config-name", "nothing"],
    "sweep with a wrong job": ["--config-name", "mini", "seed=-1"],
    "no such option": ["data.problems"],
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """The commands, each in a process and a folder of its own; a fork server pays for the imports once.

    One of them is run from the shell, so to speak, in the meantime.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["synth_scaling.cli", "command"])
    root, results = tmp_path_factory.mktemp("commands"), {}
    words = [sys.executable, "-m", "synth_scaling", "data.problems=0", f"output={root}/o", f"store={root}/s"]
    whole = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for name, arguments in COMMANDS.items():
        folder = root / name.replace(" ", "-")
        folder.mkdir()
        (folder / "file").touch()
        process = context.Process(target=main, args=(folder, arguments))
        process.start()
        process.join()
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        out, err = (Path(f"{folder}.{stream}").read_text() for stream in ("out", "err"))
        results[name] = Ended(process.exitcode, out, err, files)
    out, err = whole.communicate()
    results["whole"] = Ended(
        whole.returncode, out, err, [str(path) for path in (root / "o", root / "s") if path.exists()]
    )
    return results


@pytest.mark.parametrize("name", COMMANDS)
def test_a_refusal_is_one_line_and_exit_code_2_and_nothing_is_made(name: str, ended: dict[str, Ended]) -> None:
    command = ended[name]
    assert command.code == 2 and command.out == "" and command.files == ["file"]
    assert re.fullmatch(r"configuration refused: [^\n]+\n", command.err)


def test_a_refusal_names_what_is_wrong(ended: dict[str, Ended]) -> None:
    assert "data.problemz: no such key; allowed are" in ended["unknown key"].err
    assert "data.problems" in ended["wrong type"].err and "many" in ended["wrong type"].err
    assert "data.problems=0: allowed are values of at least 1" in ended["out of range"].err
    assert "data.positives=17: allowed are 0 to data.rollouts=16" in ended["crosses fields"].err
    assert "output=file/deep: allowed is a folder that can be written" in ended["unwritable output"].err
    assert "store=file/deep: allowed is a folder that can be written" in ended["unwritable store"].err
    assert all(method in ended["unknown method"].err for method in METHODS)
    assert "nothing" in ended["unknown sweep"].err
    assert "seed=-1" in ended["sweep with a wrong job"].err


def test_the_module_is_the_command(ended: dict[str, Ended]) -> None:
    line = "configuration refused: data.problems=0: allowed are values of at least 1\n"
    assert ended["whole"] == Ended(2, "", line, []) and ended["out of range"].err == line
