"""Whole runs from SmolLM2: the wheel's model converted into the store, a folder in place, the base tested, too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from synth_scaling.config.checks import check
from synth_scaling.config.load import typed
from synth_scaling.config.naming import run_folder
from synth_scaling.config.schema import Config, register_schemas
from synth_scaling.config.task_checks import check_task
from synth_scaling.core.records import NLLRow, read_table
from synth_scaling.core.validation import ConfigError
from synth_scaling.experiment.run import run_once
from synth_scaling.models import smollm2 as wheel
from synth_scaling.models.pretrained import content_digest
from synth_scaling.sampling.engine import Engine
from synth_scaling.sweep.sweeper import register_sweeper
from synth_scaling.tasks import TASKS
from tests.support.additions import AdditionOptions, Additions

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
OVERRIDES = [
    "data.problems=4",
    "method.epochs=1",
    "method.learning_rate=1e-3",
    "trainer.batch_size=4",
    "trainer.lora.rank=4",
    "trainer.packing=true",
    "trainer.length_grouped=true",
    "evaluation.base=true",
    "engine.max_num_seqs=256",
    "engine.max_batched_tokens=4096",
    "tracking=none",
]


@pytest.fixture(scope="module", autouse=True)
def _additions() -> Iterator[None]:
    register_schemas()
    register_sweeper()
    with pytest.MonkeyPatch.context() as patch, initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        patch.setitem(TASKS, "additions", (Additions, AdditionOptions))
        yield


def configuration(folder: Path, *overrides: str, **task: Any) -> Config:
    places = [f"output={folder / 'out'}", f"store={folder / 'store'}"]
    c = typed(compose("config", [*OVERRIDES, *places, *overrides]))
    c.task = AdditionOptions(**task)
    check(c)
    check_task(c)
    return c


@pytest.fixture(scope="module")
def converted(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, Config]:
    """The row of a run on the wheel's model, and where it wrote. The conversion is the session's, copied."""
    folder = tmp_path_factory.mktemp("run")
    c = configuration(folder, "model=smollm2_135m")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "synth_scaling.experiment.base_model.convert", lambda to: shutil.copytree(smollm2, to, dirs_exist_ok=True)
        )
        return run_once(c), folder, c


def test_a_run_from_the_wheel_tests_the_base_and_the_policy(
    engine: Engine, converted: tuple[dict[str, Any], Path, Config]
) -> None:
    row, folder, c = converted
    assert row["tested"] == 6 and 0 <= row["base_wrong"] <= 6 and row["base_error"] == row["base_wrong"] / 6
    assert row["facts"]["base"]["parameters"] == 134_515_008 and row["facts"]["base"]["context"] == wheel.CONTEXT
    assert row["facts"]["base_evaluation"]["accuracy"] == pytest.approx(1 - row["base_error"])
    assert row["tokens_sampled"] == 0  # testing is no price of the method
    assert row["flops_training"] == 4 * 134_515_008 * row["tokens_trained"]
    assert len(pd.read_parquet(run_folder(c).correct)) == 6
    rows = read_table(folder / "store/policy" / row["hashes"]["policy"] / "rows.parquet", NLLRow)
    assert len(rows) == 4 and all(r.ends for r in rows)


def test_the_same_model_in_a_folder_is_used_in_place_and_gives_the_same_policy(
    engine: Engine, smollm2: Path, converted: tuple[dict[str, Any], Path, Config], tmp_path: Path
) -> None:
    row, folder, _ = converted
    files = {file: file.stat().st_mtime_ns for file in smollm2.iterdir()}
    template = "model.prompt='Question: {question}\nAnswer:\n'"
    c = configuration(tmp_path, "model=pretrained", f"model.path={smollm2}", template, "evaluation.base=false")
    again = run_once(c)
    assert again["base_wrong"] is None and again["base_error"] is None
    assert not (tmp_path / "store/base").exists()
    assert {file: file.stat().st_mtime_ns for file in smollm2.iterdir()} == files
    digests = [
        content_digest(root / "store/policy" / r["hashes"]["policy"]) for root, r in ((folder, row), (tmp_path, again))
    ]
    assert digests[0] == digests[1]
    assert again["wrong"] == row["wrong"]


def test_a_context_that_the_template_overflows_is_refused_before_anything_is_sampled(
    smollm2: Path, tmp_path: Path
) -> None:
    short = shutil.copytree(smollm2, tmp_path / "short")
    settings = json.loads((short / "config.json").read_text())
    (short / "config.json").write_text(json.dumps(settings | {"max_position_embeddings": 48}))
    long = "model.prompt='Add the two numbers: {question} Say the sum.'"
    c = configuration(tmp_path, "model=pretrained", f"model.path={short}", long)  # 16 + 24 + 1 fit
    with pytest.raises(ConfigError, match=r"its context of 48 tokens is shorter than the 5\d of task=additions"):
        run_once(c)
    bound = configuration(tmp_path, "model=pretrained", f"model.path={smollm2}", "engine.max_model_len=48", long)
    with pytest.raises(ConfigError, match=r"engine\.max_model_len=48: its context of 48 tokens is shorter"):
        run_once(bound)
    unknown = configuration(
        tmp_path, "model=pretrained", f"model.path={smollm2}", "trainer.lora.target_modules=[q_proj,query]"
    )
    with pytest.raises(ConfigError, match=r"trainer\.lora\.target_modules=query: allowed are down_proj, gate_proj, "):
        run_once(unknown)
    assert not (tmp_path / "store").exists()


def test_prompts_longer_than_the_task_promised_are_refused_by_name(smollm2: Path, tmp_path: Path) -> None:
    c = configuration(tmp_path, "model=pretrained", f"model.path={smollm2}", max_prompt_tokens=4)
    with pytest.raises(ValueError, match=r"problem train/0: its prompt has 1\d tokens.*allowed.*are 5"):
        run_once(c)
