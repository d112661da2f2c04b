"""A single run that fails after its start: one line with the reason, exit code 1, and a record in its folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = ["task.side=6", "task.n_test=20", "task.n_validation=10", "model.pretrain_documents=64", "data.problems=20"]


def test_a_training_that_diverges_is_a_failed_run_and_no_refusal(tmp_path: Path) -> None:
    words = [*SMALL, "tracking=none", "trainer.max_loss=1e-6", "trainer.logging_steps=1"]
    done = subprocess.run(
        [sys.executable, "-m", "synth_scaling", "run", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    (folder,) = (tmp_path / "outputs/single/runs").glob("*/failure.json")
    failure = json.loads(folder.read_text())
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and "Traceback" not in done.stderr and "Error executing job" not in done.stderr
    assert last.startswith(f"run failed: {failure['kind']}: {failure['line']} (") and last.endswith("error.txt)")
