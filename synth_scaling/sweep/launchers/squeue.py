"""The state of jobs in Slurm's queue, from its commands, with or without accounting."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("synth_scaling")
LOOKS = 2  # a job is gone when it is missing twice in a row: a job being requeued is briefly missing


def until_gone(jobs: list[str], poll: float) -> Iterator[list[str]]:
    """The states of the `jobs` ("12_0") that are in the queue, every `poll` seconds; [] once, when none is left."""
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
        log.warning("squeue: %s; trying again", done.stderr.strip())
        return None
    states = dict(line.split("|") for line in done.stdout.split())
    return [states[job] for job in jobs if job in states]


def last_state(job: str) -> str:
    """The last state of a job that Slurm remembers, such as FAILED; "state unknown" if none."""
    done = subprocess.run(["scontrol", "show", "job", "--oneliner", job], capture_output=True, text=True, check=False)
    words = dict(word.partition("=")[::2] for word in done.stdout.split())
    return words.get("JobState", "state unknown")


def appears(file: Path, seconds: float = 15) -> bool:
    """Whether the file appears within `seconds`: shared folders show files of other machines late."""
    end = time.monotonic() + seconds
    while not file.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True
