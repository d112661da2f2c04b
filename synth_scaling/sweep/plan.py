"""The plan that a launch writes, which lists the runs of a sweep, and the progress of the launch.

The state of a run is read from its folder only, whatever a launcher reports of its jobs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.system.files import write_text

PRIOR = 0.2  # weight of the forecast in :func:`seconds_left`, as a share of itself


@dataclass(frozen=True)
class Planned:
    """A run of a sweep: the hash that names it, a title for people, and its resolved configuration."""

    name: str
    title: str
    config: Mapping[str, Any]
    seconds: float = 0.0  # forecast for one worker at the start of the launch; 0: done, or unknown


@dataclass(frozen=True)
class Plan:
    """The runs of one launch of a sweep, in order, and how many of them were done when it started."""

    launch: str  # name of the launch: a run that failed is not started twice in one launch
    started: float  # seconds since the epoch
    done_before: int
    runs: tuple[Planned, ...]
    workers: int = 1

    def write(self, output: Path) -> None:
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "plan.json", json.dumps(asdict(self)))

    @staticmethod
    def read(output: Path) -> Plan:
        """The plan in `output`. Raises ValueError, with the closest sweep beside it, if there is none."""
        try:
            plain = json.loads((output / "plan.json").read_text())
        except FileNotFoundError:
            beside = [path.parent.name for path in output.parent.glob("*/plan.json")]
            hint = did_you_mean(output.name, beside)
            raise ValueError(f"{output}: no plan.json there; allowed is the output folder of a sweep{hint}") from None
        return Plan(**plain | {"runs": tuple(Planned(**run) for run in plain["runs"])})


def is_over(folder: RunFolder, plan: Plan) -> bool:
    """Whether the run in `folder` is done or has failed in this launch."""
    if folder.is_done:
        return True
    failure = folder.failure()
    return failure is not None and failure.launch == plan.launch


def words(output: Path, plan: Plan) -> str:
    """The progress of a launch: '7 of 58 runs done, about 6 min left'."""
    done = {run.name for run in plan.runs if RunFolder.of(output, run.name).is_done}
    text = f"{len(done)} of {len(plan.runs)} runs done"
    seconds = seconds_left(plan, done, time.time() - plan.started)
    return text if seconds is None else f"{text}, about {seconds / 60:.0f} min left"


def seconds_left(plan: Plan, done: Collection[str], elapsed: float) -> float | None:
    """The forecast of the remaining runs, scaled by actual over forecast time of those done since the launch.

    A fifth of the forecast counts as observed at the expected speed, so that the first runs do not decide alone.
    Without a forecast all runs have the same weight. None if no run is done or none is left.
    """
    completed, left = len(done) - plan.done_before, len(plan.runs) - len(done)
    if completed <= 0 or left <= 0:
        return None
    expected = sum(run.seconds for run in plan.runs) / plan.workers
    if expected <= 0:
        return elapsed / completed * left
    remaining = sum(run.seconds for run in plan.runs if run.name not in done) / plan.workers
    prior = PRIOR * expected
    return remaining * (elapsed + prior) / (expected - remaining + prior)


def sweep_folder(text: str) -> Path:
    """The output folder of a sweep, given that folder or the name of the sweep under outputs/."""
    return Path(text) if Path(text).is_dir() else Path("outputs") / text
