"""The names of runs in results/: what was computed by earlier versions is found again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from synth_scaling.config import Config, run_hash
from synth_scaling.methods import METHODS
from synth_scaling.model_options import MODELS
from synth_scaling.tasks import TASKS
from synth_scaling.training.options import TrainerOptions

RESULTS = Path(__file__).parent.parent / "results"


def read_config(plain: dict[str, Any]) -> Config:
    """The configuration that a result row holds; options that came later are at their default."""
    task, model, method = (plain[group]["name"] for group in ("task", "model", "method"))
    choices = Config(TASKS[task][1](), MODELS[model](), METHODS[method].options(), trainer=TrainerOptions())  # type: ignore[call-arg]
    config = OmegaConf.to_object(OmegaConf.merge(choices, plain))
    assert isinstance(config, Config)
    return config


# The rows of maze and star_graph are older than data.traces and cannot be named again.
@pytest.mark.parametrize(("study", "rows"), [("maze_full", 412), ("chain", 10)])
def test_stored_rows_have_the_names_that_their_configurations_give(study: str, rows: int) -> None:
    stored = [json.loads(line) for line in (RESULTS / study / "rows.jsonl").read_text().splitlines()]
    assert len(stored) == rows
    assert [run_hash(read_config(row["config"])) for row in stored] == [row["run"] for row in stored]
