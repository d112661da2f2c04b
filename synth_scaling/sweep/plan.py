"""The plan that a launch writes, which lists the runs of a sweep, and the progress of the launch.

The state of a run is read from its folder only, whatever a launcher reports of its jobs. Launches with different runs
may share an output: `plans/LAUNCH.json` is the plan that the workers of one launch follow, and `plan.json` has the runs
of the last launch, of those beside it, and finished ones of earlier launches that differ in their seeds and N alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.system.files import UNREADABLE, read_advisory, write_text
from synth_scaling.system.leases import is_held, lease, local_owner
from synth_scaling.system.shared_memory import remove_leftovers

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
    elsewhere: bool = False  # the workers are jobs of another system, which outlive the process of the launch

    def write(self, output: Path) -> None:
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "plan.json", json.dumps(asdict(self)))

    @staticmethod
    def read(output: Path, launch: str = "") -> Plan:
        """The plan in `output`, or the one of a launch. Raises ValueError, with the closest sweep, if there is none."""
        of_launch = read_advisory(output / "plans" / f"{launch}.json", Plan) if launch else None
        if of_launch is not None:
            return of_launch
        try:
            return msgspec.json.decode((output / "plan.json").read_bytes(), type=Plan)
        except UNREADABLE as error:
            raise ValueError(f"{output / 'plan.json'}: no plan of a sweep ({error}); launch it again") from None
        except OSError:
            beside = [path.parent.name for path in output.parent.glob("*/plan.json")]
            hint = did_you_mean(output.name, beside)
            raise ValueError(f"{output}: no plan.json there; allowed is the output folder of a sweep{hint}") from None


@contextmanager
def announced(plan: Plan, output: Path, earlier: Sequence[Planned] = ()) -> Iterator[None]:
    """Write the plan of a launch for its workers, and its runs to plan.json with `earlier` and launches beside it.

    A launch whose workers are processes of this machine holds a lease for the length of the block; afterwards, or when
    it has died, its own plan is removed. The plan of others is removed when all its runs are over.
    """
    file = output / "plans" / f"{plan.launch}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as until_the_end:
        if not plan.elsewhere:
            until_the_end.enter_context(lease(file.with_suffix(".lock"), wait=False))
            until_the_end.callback(file.unlink, missing_ok=True)
        with lease(output / "plans.lock", wait=True):
            write_text(file, json.dumps(asdict(plan)))
            runs = {run.name: run for run in plan.runs}
            for others in (earlier, *(other.runs for other in _other_plans(output, plan))):
                runs |= {run.name: run for run in others if run.name not in runs}
            added = [name for name in runs if name not in {run.name for run in plan.runs}]
            done = sum(RunFolder.of(output, name).is_done for name in added)
            replace(plan, runs=tuple(runs.values()), done_before=plan.done_before + done).write(output)
        yield


def _other_plans(output: Path, plan: Plan) -> Iterator[Plan]:
    """The plans of other launches whose workers may be at work; what dead launches left is removed."""
    for file in sorted((output / "plans").glob("*.json")):
        other = read_advisory(file, Plan)
        if other is None or other.launch == plan.launch:
            continue
        unfinished = other.elsewhere and not all(is_over(RunFolder.of(output, run.name), other) for run in other.runs)
        marker = file.with_suffix(".lock")
        process = local_owner(marker)
        if is_held(marker) or unfinished:
            yield other
        else:
            file.unlink(missing_ok=True)
            if process is not None:
                remove_leftovers(process)


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
