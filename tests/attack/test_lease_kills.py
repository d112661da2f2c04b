"""10,000 processes are killed while they take and release leases: every marker that is left is taken over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.attack

ROOT = Path(__file__).parents[2]


def test_no_kill_leaves_a_marker_that_is_not_taken_over(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.lease_kills", str(tmp_path), "10000"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    print(f"kills, markers left, empty ones, not taken over: {printed}")
    kills, left, empty, held = map(int, printed.split())
    assert kills == 10_000 and left > 1_000 and empty > 10, "the kills must hit the moments that they are for"
    assert held == 0
