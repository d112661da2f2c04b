"""Kills processes that take and release leases in a loop, then takes over every marker that they left.

python -m tests.support.lease_kills FOLDER KILLS      # prints kills, markers left, empty ones, markers not taken over
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from synth_scaling.system import leases

leases.SILENCE, leases.HEARTBEAT = 1.0, 0.3  # seconds: short, so that the end is reached soon


def loop(marker: Path) -> None:
    while True:
        with leases.lease(marker, wait=True):
            pass


def main(folder: Path, kills: int) -> None:
    rng = random.Random(0)
    for i in range(kills):
        if (child := os.fork()) == 0:
            loop(folder / f"{i}.lock")
        time.sleep(rng.uniform(0.001, 0.004))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    left = [marker for i in range(kills) if (marker := folder / f"{i}.lock").exists()]
    empty = sum(marker.stat().st_size == 0 for marker in left)
    held = [marker for marker in left if leases.is_held(marker)]  # the watch begins
    time.sleep(2 * leases.SILENCE)
    held = [marker for marker in held if leases.is_held(marker)]
    print(kills, len(left), empty, len(held))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
