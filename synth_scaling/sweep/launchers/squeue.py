"""Slurm's queue as its commands tell it, with or without accounting."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("synth_scaling")
LOOKS = 2  # a job is gone when it is missing twice in a row: one that is put back is nowhere for a moment


def until_gone(jobs: list[str], poll: float) -> Iterator[list[str]]:
    """The states of those `jobs` ("12_0") that wait, run or end, every `poll` seconds; [] once, when none is left."""
    missing = 0
    while missing < LOOKS:
        states = queued(jobs)
        missing = missing + 1 if states == [] else 0
        if states:
            yield states
        time.sleep(poll)
    yield []


def queued(jobs: list[str]) -> list[str] | None:
    """The states of those `jobs` that are in the queue; None if the controller does not answer."""
    done = subprocess.run(
        ["squeue", "--me", "--array", "--noheader", "--format=%i|%T"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        log.warning("squeue: %s; asked again", done.stderr.strip())
        return None
    states = dict(line.split("|") for line in done.stdout.split())
    return [states[job] for job in jobs if job in states]


def last_state(job: str) -> str:
    """The state that Slurm remembers of a job, FAILED say; "state unknown" once it has forgotten."""
    done = subprocess.run(["scontrol", "show", "job", "--oneliner", job], capture_output=True, text=True, check=False)
    words = dict(word.partition("=")[::2] for word in done.stdout.split())
    return words.get("JobState", "state unknown")


def appears(file: Path, seconds: float = 15) -> bool:
    """Whether the file is there, or comes to be seen within `seconds`: shared folders show others' files late."""
    end = time.monotonic() + seconds
    while not file.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True
