"""Removal of the semaphores and folders in shared memory that a killed launch could not remove.

joblib's workers share semaphores and folders there, whose names carry the process id of the launch. joblib's own
watcher removes them when the launch dies, unless it is killed as well, as by SIGKILL to the process group.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("synth_scaling")

SHARED = Path("/dev/shm")


def remove_leftovers(pid: int, folder: Path = SHARED) -> None:
    """Remove what joblib created for process `pid` of this machine, which is dead."""
    left = [*folder.glob(f"sem.loky-{pid}-*"), *folder.glob(f"joblib_memmapping_folder_{pid}_*")]
    for path in left:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    if left:
        log.info("removed %d entries of the dead launch %d from %s", len(left), pid, folder)
