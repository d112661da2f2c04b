"""Runs that are stopped or killed at each of their file operations while another process computes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "trials", [pytest.param(20, marks=pytest.mark.slow), pytest.param(300, marks=pytest.mark.attack)]
)
def test_a_run_ends_with_the_same_files_whoever_is_stopped_or_killed_in_it(trials: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.stopped_runs", str(tmp_path), str(trials)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    operations, stops, kills, lost, *wrong = done.stdout.split("\n")[:-1]
    print(f"{operations} operations, {stops} stops, {kills} kills, {lost} leases lost")
    assert wrong == []
    assert int(operations) > 80 and int(stops) + int(kills) > 0.9 * trials and int(lost) > 0.2 * trials
