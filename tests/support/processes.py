"""The workers of a launch among this machine's processes, and waiting for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from tests.survival.conftest import Small


def workers(marked: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    actual = []
    for process in psutil.process_iter():
        try:
            if marked(process):
                actual.append(process)
        except psutil.Error:
            continue  # it ended meanwhile
    return actual


def of_slurm(small: Small) -> list[psutil.Process]:
    """Those that submitit started for this sweep."""
    words = ("submitit.core._submit", str(small.output / "slurm"))
    return workers(lambda process: tuple(process.cmdline()[-2:]) == words and process.name() != "srun")


def of_ray() -> list[psutil.Process]:
    return workers(lambda process: process.cmdline()[:1] != [] and process.cmdline()[0].startswith("ray::worker"))


def until(what: Callable[[], object], seconds: float = 400) -> None:
    """Wait until `what` holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"not after {seconds} s")
        time.sleep(0.05)
