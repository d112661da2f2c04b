"""The rows under results/ are of runs that their sweep still names: by the hash of everything that determines them."""

import json
from pathlib import Path

import pytest

from synth_scaling.config.naming import run_hash
from synth_scaling.sweep.compose import runs_of

ROOT = Path(__file__).parents[2]
# Folder of rows -> its sweep, and how many of its rows were computed with an earlier form of it.
ROWS = {
    "prices": ("prices", 0),
    "prices_maze": ("prices_maze", 0),
    "collect_ablations": ("collect_ablations", 0),
    "collect_copying": ("collect_copying", 0),
    "collect_sizes": ("collect_full", 0),
    "collect_full": ("collect_full", 15),  # sft beyond N = 400, three seeds: at T = 1 alone
    "smollm2": ("smollm2", 3),  # pairs at N = 200 and 400: without trainer.shared_prompts
}


@pytest.mark.slow
@pytest.mark.parametrize("folder", ROWS)
def test_the_sweep_names_the_runs_of_the_rows(folder: str) -> None:
    sweep, earlier = ROWS[folder]
    planned = {run_hash(config) for config in runs_of(sweep)}
    lines = (ROOT / "results" / folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    others = [(row["label"], row["problems"], row["seed"]) for row in rows if row["run"] not in planned]
    assert len(others) == earlier, others
