"""Stored configurations: the runs in results/ keep their names, and a missing plugin is a clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth_scaling.config.load import restored
from synth_scaling.config.naming import run_hash
from synth_scaling.core.validation import ConfigError

RESULTS = Path(__file__).parents[2] / "results"


# The rows of maze and star_graph are older than data.traces and cannot be named again.
@pytest.mark.parametrize(("study", "rows"), [("maze_full", 412), ("credit", 96)])
def test_stored_rows_have_the_names_that_their_configurations_give(study: str, rows: int) -> None:
    stored = [json.loads(line) for line in (RESULTS / study / "rows.jsonl").read_text().splitlines()]
    assert len(stored) == rows
    assert [run_hash(restored(row["config"])) for row in stored] == [row["run"] for row in stored]


@pytest.mark.parametrize(
    ("key", "known"), [("task", "maze"), ("method", "sft"), ("model", "tiny"), ("credit", "bisect")]
)
def test_a_stored_component_that_is_not_installed_is_named_in_one_line(key: str, known: str) -> None:
    row = json.loads((RESULTS / "maze_full" / "rows.jsonl").read_text().splitlines()[0])
    stored = {**row["config"], key: {**row["config"][key], "name": "uninstalled"}}
    with pytest.raises(ConfigError) as error:
        restored(stored)
    assert str(error.value).startswith(f"{key}=uninstalled: allowed are ")
    assert known in str(error.value) and "\n" not in str(error.value)
