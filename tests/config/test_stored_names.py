"""The names of runs in results/: what was computed by earlier versions is found again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth_scaling.config.load import restored
from synth_scaling.config.naming import run_hash

RESULTS = Path(__file__).parents[2] / "results"


# The rows of maze and star_graph are older than data.traces and cannot be named again.
@pytest.mark.parametrize(("study", "rows"), [("maze_full", 412), ("chain", 10), ("credit", 96)])
def test_stored_rows_have_the_names_that_their_configurations_give(study: str, rows: int) -> None:
    stored = [json.loads(line) for line in (RESULTS / study / "rows.jsonl").read_text().splitlines()]
    assert len(stored) == rows
    assert [run_hash(restored(row["config"])) for row in stored] == [row["run"] for row in stored]
