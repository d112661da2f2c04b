"""The state of every run of a sweep, read from the runs' folders."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.sweep.plan import Plan
from synth_scaling.system.leases import is_held

STATES = ("done", "running", "failed", "waiting")


@dataclass(frozen=True)
class RunStatus:
    """One run: its state, the stage that it is at, and what it made, whatever it found in the store aside."""

    name: str
    title: str
    state: str
    stage: str = ""
    since: float = 0.0  # seconds since the epoch at which that stage began
    step: int = 0  # of a training that is under way
    seconds: float = 0.0
    flops: float = 0.0
    error: str = ""


def survey(output: Path) -> tuple[Plan, list[RunStatus]]:
    """The plan of the last launch and how each of its runs stands. Raises ValueError if there is no plan."""
    plan = Plan.read(output)
    return plan, [_status(RunFolder.of(output, run.name), run.name, run.title) for run in plan.runs]


def _status(folder: RunFolder, name: str, title: str) -> RunStatus:
    try:
        there = set(os.listdir(folder.path))
    except FileNotFoundError:
        return RunStatus(name, title, "waiting")
    lines = _lines(folder.stages) if folder.stages.name in there else []
    seconds = sum(line.get("seconds", 0.0) for line in lines)
    flops = sum(line.get("flops", 0.0) for line in lines)
    if folder.done.name in there:
        return RunStatus(name, title, "done", seconds=seconds, flops=flops)
    if folder.attempts.name in there and is_held(folder.lock):
        now = lines[-1] if lines else {}
        curve = [line for line in _lines(folder.metrics) if line["stage"] == now.get("stage")]
        step = int(curve[-1]["step"]) if curve else 0
        return RunStatus(name, title, "running", now.get("stage", "start"), now.get("at", 0.0), step, seconds, flops)
    failure = folder.failure()
    if failure is not None:
        return RunStatus(name, title, "failed", "", 0.0, 0, seconds, flops, f"{failure.kind}: {failure.line}")
    return RunStatus(name, title, "waiting", seconds=seconds, flops=flops)


def _lines(file: Path) -> list[dict[str, Any]]:
    """The whole lines of a file that may be under way."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
