"""The mini sweep: all methods end to end in an empty store, and what their rows must say (`make mini`)."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from synth_scaling.methods import METHODS as REGISTRY
from synth_scaling.sweep.compose import runs_of

METHODS = set(REGISTRY.built_in)


def test_the_mini_sweep_runs_every_method_once() -> None:
    assert sorted(config.method.name for config in runs_of("mini")) == sorted(METHODS)


@pytest.mark.sweep
def test_every_method_runs_and_shares_its_stages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "synth_scaling", "--config-name", "mini", f"output={tmp_path}"]
    subprocess.run(command, check=True)
    files = {file: json.loads(file.read_text()) for file in (tmp_path / "runs").glob("*/row.json")}
    rows = {row["method"]: row for row in files.values()}
    assert set(rows) == METHODS and len(files) == len(METHODS)

    for file, row in files.items():
        correct = pd.read_parquet(file.with_name("correct.parquet"))["correct"]
        assert row["tested"] == len(correct) == 200
        assert row["wrong"] == int((~correct).sum()) and row["error"] == row["wrong"] / 200
        assert row["error_low"] < row["error"] < row["error_high"]
        assert abs(sum(row["error_kinds"].values()) - 1) < 1e-9
        assert row["flops_training"] > 0 and row["tokens_trained"] > 0
        uses_own = row["method"] != "sft"
        assert (row["tokens_sampled"] > 0) == (row["flops_sampling"] > 0) == uses_own
        assert 0 <= row["positives_used"] <= 60 * row["positives"]
        assert 0 <= row["negatives_used"] <= 60 * row["negatives"]
        assert next(file.parent.glob("wandb/offline-run-*/*.wandb")).stat().st_size > 0

    # One base for all, one pi_sft and one set of rollouts for all that sample, one set of values a kind of response.
    for stage, makers in (("base", METHODS), ("pi_sft", METHODS - {"sft"}), ("rollouts", METHODS - {"sft"})):
        assert len({rows[method]["hashes"][stage] for method in makers}) == 1, stage
    for stage in ("negative_values", "reference_logprobs"):
        assert len({rows[m]["hashes"][stage] for m in METHODS if stage in REGISTRY[m].uses}) == 1, stage
    assert len({row["hashes"]["policy"] for row in rows.values()}) == len(METHODS)
    # Training moved every policy: each is far better than the base, whose answers are incorrect nine times in ten.
    assert all(row["error"] < 0.85 for row in rows.values()), {m: row["error"] for m, row in rows.items()}

    # Launched again, everything is there already.
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert f"{len(METHODS)} runs, {len(METHODS)} done, 0 failed, 0 to run" in again.stdout
