"""A sweep of two runs, in one process and in two workers, and what W&B has of it: read back from the offline files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.wandb_runs import offline_runs

SWEEP = [
    "-m",
    "method=sft,rft",
    "hydra/sweeper=grid",
    "sweep=pair",
    "task.side=6",
    "task.max_distance=5",
    "task.n_test=40",
    "task.n_validation=40",
    "model.layers=2",
    "model.feedforward=64",
    "model.pretrain_documents=8000",
    "data.problems=24",
    "data.rollouts=4",
    "data.positives=2",
    "data.negatives=2",
    "method.epochs=2",
    "trainer.batch_size=8",
    "trainer.logging_steps=2",
]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_every_run_and_trained_stage_has_one_wandb_run(launcher: str, tmp_path: Path) -> None:
    places = [f"output={tmp_path / 'out'}", f"store={tmp_path / 'store'}", f"hydra.sweep.dir={tmp_path / 'out'}"]
    places.append(f"hydra/launcher={launcher}")
    if launcher == "joblib":
        places.append("hydra.launcher.n_jobs=2")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    command = [sys.executable, "-m", "synth_scaling", *SWEEP, *places]
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for foreign in ("Weave", "NUMA", "it/s]"):  # lines of other packages
        assert foreign not in done.stdout + done.stderr
    if launcher == "basic":  # of workers each says it
        assert (done.stdout + done.stderr).count("W&B: recorded offline (no WANDB_API_KEY), to upload: wandb sync") == 1

    actual = offline_runs(tmp_path / "out")
    assert len({one.run.run_id for one in actual}) == len(actual)
    assert all(one.exit_codes == [0] and one.run.run_group == "pair" for one in actual)
    runs = {one.summary["run"]: one for one in actual if one.run.job_type == "run"}
    rows = {file.parent.name: json.loads(file.read_text()) for file in tmp_path.glob("out/runs/*/row.json")}
    assert set(runs) == set(rows) and {row["method"] for row in rows.values()} == {"sft", "rft"}
    for name, row in rows.items():
        assert {key: runs[name].summary[key] for key in row if key != "config"} == {
            key: value for key, value in row.items() if key != "config"
        }
        assert {key: runs[name].config[key] for key in row["config"]} == row["config"]
        for stage, digest in row["hashes"].items():  # whoever trained it, and whenever
            curve = [*tmp_path.glob(f"store/*/{digest}/curve.jsonl")]
            points = [json.loads(line) for file in curve for line in file.read_text().splitlines()]
            if stage == "base":  # shared by all runs, its curve is in the stage's own W&B run alone
                assert points and _curve(runs[name].history, stage) == []
                continue
            assert _curve(runs[name].history, stage) == points
            assert not points or runs[name].axes[f"{stage}/*"] == f"{stage}/step"

    stages = {one.config["stage"]: one for one in actual if one.run.job_type == "stage"}
    assert set(stages) == {"base", "pi_sft"} and len(actual) == 4
    for stage, one in stages.items():
        assert one.config["hash"] in {row["hashes"].get(stage) for row in rows.values()}
        (file,) = tmp_path.glob(f"store/*/{one.config['hash']}/curve.jsonl")
        assert _curve(one.history, stage) == [json.loads(line) for line in file.read_text().splitlines()]


def _curve(history: list[dict], stage: str) -> list[dict]:
    """A stage's points in a W&B history."""
    points = [{key: value for key, value in point.items() if key.startswith(f"{stage}/")} for point in history]
    return [{key.split("/")[1]: value for key, value in point.items()} for point in points if point]
