"""The content of a tracked run's W&B run, read back from the file of an offline one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synth_scaling.config.naming import run_hash
from synth_scaling.system.environment import environment
from synth_scaling.tracking.tracker import NoTracker, WandbTracker, start_tracker
from synth_scaling.tracking.wandb_service import close_service
from tests.support.wandb_runs import MAZE, Offline, configuration, offline, offline_runs, tracked

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
    selected = stored[stored["run"] == stored["run"].iloc[0]].drop(columns="run").reset_index(drop=True)
    return selected.assign(
        pass_rate=[None if index % 5 == 0 else index / len(selected) for index in range(len(selected))]
    )


@pytest.fixture(scope="module")
def row() -> dict[str, Any]:
    lines = (MAZE / "rows.jsonl").read_text().splitlines()
    row: dict[str, Any] = json.loads(lines[0]) | MORE
    return row


@pytest.fixture(scope="module")
def run(row: dict[str, Any], answers: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Offline]:
    folder = tmp_path_factory.mktemp("tracked")
    return tracked(row, answers, folder), offline(folder)


def test_the_summary_and_the_configuration_hold_the_whole_row(run: tuple[dict[str, Any], Offline]) -> None:
    row, recording = run
    fields = {key: value for key, value in row.items() if key != "config"}
    assert {key: recording.summary[key] for key in fields} == fields
    assert len(fields) > 30 and {"costs", "facts", "seconds", "hashes", "versions", *MORE} <= set(fields)
    assert {key: recording.config[key] for key in row["config"]} == row["config"]


def test_the_run_is_named_by_its_configuration_and_grouped_by_its_sweep(run: tuple[dict[str, Any], Offline]) -> None:
    row, recording = run
    received = json.dumps({"run": row["run"], "sweep": "maze"}, separators=(",", ":"))
    assert recording.run.run_id == hashlib.sha256(received.encode()).hexdigest()[:16]
    assert (recording.run.run_group, recording.run.job_type) == ("maze", "run")
    assert recording.run.display_name == f"rft N={row['problems']} seed={row['seed']}"
    assert list(recording.run.tags) == ["maze", "rft", row["figure"], "tiny"]
    assert recording.exit_codes == [0]
    assert [point["policy/loss"] for point in recording.history if "policy/loss" in point] == [0.5]
    axes = {"policy/step": "", "policy/*": "policy/step", "result/N": "", "result/*": "result/N"}
    assert recording.axes == axes and recording.run.git.commit == (environment()["commit"] or "")


def test_a_finished_run_is_one_point_of_error_against_n(run: tuple[dict[str, Any], Offline]) -> None:
    row, recording = run
    (point,) = (point for point in recording.history if "result/error" in point)
    assert (point["result/N"], point["result/error"]) == (row["problems"], row["error"])


def test_a_preference_methods_curve_has_the_margin_of_the_log_probabilities(tmp_path: Path) -> None:
    config = configuration(method="dpo")
    tracker = WandbTracker(config, run_hash(config), tmp_path)
    with tracker.computing("policy", "d" * 16):
        tracker.curve("policy", {"step": 1, "loss": 0.7, "logps/chosen": -3.0, "logps/rejected": -10.5})
        tracker.curve("policy", {"step": 2, "loss": 0.6, "logps/chosen": -4.0, "logps/rejected": -14.0})
    tracker.finish(None)
    charted = [
        [point[f"policy/logps/{name}"] for name in ("chosen", "rejected", "margin")]
        for point in offline(tmp_path).history
    ]
    assert charted == [[-3.0, -10.5, 7.5], [-4.0, -14.0, 10.0]]  # the margin grows while both fall


def test_the_table_correct_equals_correct_parquet(run: tuple[dict[str, Any], Offline], answers: pd.DataFrame) -> None:
    table = run[1].table("correct")
    stored = pd.DataFrame(table["data"], columns=table["columns"])
    pd.testing.assert_frame_equal(stored, answers)
    assert stored["pass_rate"].isna().sum() == len(stored) / 5


def test_a_run_that_failed_has_no_row_and_exit_code_1(tmp_path: Path, answers: pd.DataFrame) -> None:
    config = configuration(method="sft")
    answers.to_parquet(tmp_path / "correct.parquet")  # of an earlier attempt
    tracker = WandbTracker(config, run_hash(config), tmp_path)
    tracker.finish(None)
    recording = offline(tmp_path)
    assert recording.exit_codes == [1]
    assert not {"run", "error", "correct"} & set(recording.summary)


def test_a_row_without_answers_is_tracked_all_the_same(row: dict[str, Any], tmp_path: Path) -> None:
    config = configuration(method="sft")
    WandbTracker(config, run_hash(config), tmp_path).finish(row)
    recording = offline(tmp_path)
    assert (
        recording.exit_codes == [0]
        and recording.summary["error"] == row["error"]
        and "correct" not in recording.summary
    )


def losses(recording: Offline, stage: str) -> list[float]:
    return [point[f"{stage}/loss"] for point in recording.history if f"{stage}/loss" in point]


def test_a_run_deferred_before_its_policy_has_no_wandb_run_yet(tmp_path: Path) -> None:
    config = configuration(method="sft", sweep="mine")
    first = WandbTracker(config, run_hash(config), tmp_path)
    with first.computing("base", "b" * 16):
        first.curve("base", {"step": 100, "loss": 2.0})
        first.curve("base", {"step": 200, "loss": 1.0})
    with first.computing("rollouts", "c" * 16):
        pass  # no curve: nothing to show
    (stage,) = offline_runs(tmp_path)
    assert (stage.run.job_type, stage.run.run_group, stage.run.display_name) == ("stage", "mine", f"base {'b' * 16}")
    assert losses(stage, "base") == [2.0, 1.0] and stage.axes["base/*"] == "base/step" and stage.exit_codes == [0]
    assert stage.config["stage"] == "base" and stage.config["model"]["name"] == "tiny"

    again = WandbTracker(config, run_hash(config), tmp_path)
    again.curve("base", {"step": 100, "loss": 2.0})  # of the stage in the store
    again.curve("base", {"step": 200, "loss": 1.0})
    with again.computing("policy", "d" * 16):
        again.curve("policy", {"step": 2, "loss": 0.5})
    again.finish({"error": 0.25})
    runs = {recording.run.job_type: recording for recording in offline_runs(tmp_path)}
    assert set(runs) == {"run", "stage"} and runs["run"].run.run_id != runs["stage"].run.run_id
    assert losses(runs["run"], "policy") == [0.5]
    assert losses(runs["run"], "base") == []  # the base is all runs', and its curve is in its stage's run alone
    assert runs["run"].summary["error"] == 0.25 and runs["run"].exit_codes == [0]


def test_a_run_that_is_interrupted_and_started_again_leaves_one_recording(tmp_path: Path) -> None:
    config = configuration(method="sft")
    for loss in (0.5, 0.25):
        close_service()  # as when the process ends
        tracker = WandbTracker(config, run_hash(config), tmp_path)
        with tracker.computing("policy", "d" * 16):
            tracker.curve("policy", {"step": 2, "loss": loss})
    tracker.finish({"error": 0.5})
    recording = offline(tmp_path)
    assert losses(recording, "policy") == [0.25] and recording.exit_codes == [0]


def test_a_stage_that_fails_and_its_run_have_exit_code_1(tmp_path: Path) -> None:
    config = configuration(method="sft")
    tracker = WandbTracker(config, run_hash(config), tmp_path)
    with pytest.raises(FloatingPointError), tracker.computing("pi_sft", "e" * 16):
        tracker.curve("pi_sft", {"step": 1, "loss": 9.0})
        raise FloatingPointError
    tracker.finish(None)
    runs = {recording.run.job_type: recording for recording in offline_runs(tmp_path)}
    assert {kind: recording.exit_codes for kind, recording in runs.items()} == {"stage": [1], "run": [1]}
    assert losses(runs["run"], "pi_sft") == [9.0]


def test_a_run_of_two_sweeps_is_two_wandb_runs(tmp_path: Path) -> None:
    for sweep in ("one", "two"):
        config = configuration(method="sft", sweep=sweep)
        folder = tmp_path / sweep / run_hash(config)
        folder.mkdir(parents=True)
        WandbTracker(config, run_hash(config), folder).finish({"sweep": sweep})
    (one, two) = offline_runs(tmp_path)
    assert {one.run.run_group, two.run.run_group} == {"one", "two"} and one.run.run_id != two.run.run_id
    assert len({folder.name for folder in tmp_path.glob("*/*")}) == 1  # as far as the store knows it is the same run


def test_none_tracks_nothing(tmp_path: Path) -> None:
    tracker = start_tracker(configuration(tracking="none"), "run", tmp_path)
    tracker.curve("policy", {"step": 1})
    tracker.finish({"error": 0.5})
    assert type(tracker) is NoTracker and not list(tmp_path.iterdir())
