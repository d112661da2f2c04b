"""What a tracked run leaves in its W&B run, read back from the file of an offline one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from wandb_runs import MAZE, Offline, configuration, offline, tracked

from synth_scaling.config import run_hash
from synth_scaling.tracking import NoTracker, WandbTracker, start_tracker

# Beside what the rows of the maze study hold: what is nested, empty, or not there at all.
MORE: dict[str, Any] = {
    "spurious_share": None,
    "credit": {"negative_profile": [[-1, 0.25, 3], [0, 0.0, 4]], "true_pits": [], "positive_spurious_share": None},
    "pass_at_k": {},
}


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """The answers of one maze run, with an initial pass rate that some problems lack."""
    stored = pd.read_parquet(MAZE / "correct.parquet")
    own = stored[stored["run"] == stored["run"].iloc[0]].drop(columns="run").reset_index(drop=True)
    return own.assign(pass_rate=[None if index % 5 == 0 else index / len(own) for index in range(len(own))])


@pytest.fixture(scope="module")
def row() -> dict[str, Any]:
    lines = (MAZE / "rows.jsonl").read_text().splitlines()
    found: dict[str, Any] = json.loads(lines[0]) | MORE
    return found


@pytest.fixture(scope="module")
def run(row: dict[str, Any], answers: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Offline]:
    folder = tmp_path_factory.mktemp("tracked")
    return tracked(row, answers, folder), offline(folder)


def test_the_summary_and_the_configuration_hold_the_whole_row(run: tuple[dict[str, Any], Offline]) -> None:
    row, found = run
    fields = {key: value for key, value in row.items() if key != "config"}
    assert {key: found.summary[key] for key in fields} == fields
    assert len(fields) > 30 and {"costs", "facts", "seconds", "hashes", "versions", *MORE} <= set(fields)
    assert {key: found.config[key] for key in row["config"]} == row["config"]


def test_the_run_is_named_by_its_configuration_and_grouped_by_its_sweep(run: tuple[dict[str, Any], Offline]) -> None:
    row, found = run
    assert (found.run.run_id, found.run.run_group, found.run.job_type) == (row["run"], "maze", "run")
    assert found.run.display_name == f"rft N={row['problems']} seed={row['seed']}"
    assert found.exit_codes == [0]
    assert [point["policy/loss"] for point in found.history if "policy/loss" in point] == [0.5]


def test_the_table_correct_is_what_correct_parquet_holds(
    run: tuple[dict[str, Any], Offline], answers: pd.DataFrame
) -> None:
    table = run[1].table("correct")
    stored = pd.DataFrame(table["data"], columns=table["columns"])
    pd.testing.assert_frame_equal(stored, answers)
    assert stored["pass_rate"].isna().sum() == len(stored) / 5


def test_a_run_that_failed_has_no_row_and_exit_code_1(tmp_path: Path, answers: pd.DataFrame) -> None:
    config = configuration(method="sft")
    answers.to_parquet(tmp_path / "correct.parquet")  # of an earlier attempt
    tracker = WandbTracker(config, run_hash(config), tmp_path)
    tracker.finish(None)
    found = offline(tmp_path)
    assert found.exit_codes == [1]
    assert not {"run", "error", "correct"} & set(found.summary)


def test_a_row_without_answers_is_tracked_all_the_same(row: dict[str, Any], tmp_path: Path) -> None:
    config = configuration(method="sft")
    WandbTracker(config, run_hash(config), tmp_path).finish(row)
    found = offline(tmp_path)
    assert found.exit_codes == [0] and found.summary["error"] == row["error"] and "correct" not in found.summary


def test_none_tracks_nothing(tmp_path: Path) -> None:
    tracker = start_tracker(configuration(tracking="none"), "run", tmp_path)
    tracker.curve("policy", {"step": 1})
    tracker.finish({"error": 0.5})
    assert type(tracker) is NoTracker and not list(tmp_path.iterdir())
