"""The state of every run of a sweep, read from the runs' folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.sweep.plan import Plan
from synth_scaling.system.files import read_advisory_lines
from synth_scaling.system.leases import is_held

STATES = ("done", "running", "failed", "waiting")


@dataclass(frozen=True)
class RunStatus:
    """State of one run: its current stage, and the cost of the stages that it computed itself."""

    name: str
    title: str
    state: str
    stage: str = ""
    since: float = 0.0  # seconds since the epoch at which that stage began
    step: int = 0  # of a training that is under way
    seconds: float = 0.0
    flops: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class StageLine:
    """A line of a run's stages.jsonl: a stage that began or, with its hash, is complete."""

    stage: str
    hash: str = ""
    at: float = 0.0  # seconds since the epoch
    seconds: float = 0.0  # of computing it, if this run did
    flops: float = 0.0


@dataclass(frozen=True)
class CurveLine:
    """A line of a run's metrics.jsonl, as far as the status needs it."""

    stage: str
    step: float = 0.0


def survey(output: Path) -> tuple[Plan, list[RunStatus]]:
    """The plan of the last launch and the state of each of its runs. Raises ValueError if there is no plan."""
    plan = Plan.read(output)
    return plan, [_status(RunFolder.of(output, run.name), run.name, run.title) for run in plan.runs]


def _status(folder: RunFolder, name: str, title: str) -> RunStatus:
    try:
        names = set(os.listdir(folder.path))
    except FileNotFoundError:
        return RunStatus(name, title, "waiting")
    lines = read_advisory_lines(folder.stages, StageLine) if folder.stages.name in names else []
    seconds, flops = sum(line.seconds for line in lines), sum(line.flops for line in lines)
    if folder.done.name in names and folder.is_done:
        return RunStatus(name, title, "done", seconds=seconds, flops=flops)
    if folder.attempts.name in names and is_held(folder.lock):
        now = lines[-1] if lines else StageLine("start")
        curve = read_advisory_lines(folder.metrics, CurveLine)
        step = next((int(point.step) for point in reversed(curve) if point.stage == now.stage), 0)
        return RunStatus(name, title, "running", now.stage, now.at, step, seconds, flops)
    failure = folder.failure()
    if failure is not None:
        return RunStatus(name, title, "failed", "", 0.0, 0, seconds, flops, f"{failure.kind}: {failure.line}")
    return RunStatus(name, title, "waiting", seconds=seconds, flops=flops)
