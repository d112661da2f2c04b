"""Which runs a sweep has and how each of them stands: the plan that a launch writes, and the runs' folders.

The folders are the truth: whatever a launcher says of its jobs, a run is done when its folder says so.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.system.files import write_text


@dataclass(frozen=True)
class Planned:
    """A run of a sweep: its name, in words, and its resolved configuration."""

    name: str
    title: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """The runs of one launch of a sweep, in order, and which of them were done when it began."""

    launch: str  # a name for it: a run that failed is not tried twice in one launch
    started: float  # seconds since the epoch
    done_before: int
    runs: tuple[Planned, ...]

    def write(self, output: Path) -> None:
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "plan.json", json.dumps(asdict(self)))

    @staticmethod
    def read(output: Path) -> Plan:
        """Raises ValueError if `output` is no folder of a sweep."""
        try:
            plain = json.loads((output / "plan.json").read_text())
        except FileNotFoundError:
            raise ValueError(f"{output}: no plan.json there; allowed is the output folder of a sweep") from None
        return Plan(**plain | {"runs": tuple(Planned(**run) for run in plain["runs"])})


def is_over(folder: RunFolder, plan: Plan) -> bool:
    """Whether the run in `folder` is done or has failed in this launch."""
    if folder.is_done:
        return True
    failure = folder.failure()
    return failure is not None and failure.launch == plan.launch


def words(output: Path, plan: Plan) -> str:
    """'7 of 58 runs done, about 6 min left'."""
    done = sum(RunFolder.of(output, run.name).is_done for run in plan.runs)
    left, made = len(plan.runs) - done, done - plan.done_before
    text = f"{done} of {len(plan.runs)} runs done"
    if made > 0 and left > 0:
        text += f", about {(time.time() - plan.started) / made * left / 60:.0f} min left"
    return text


def sweep_folder(text: str) -> Path:
    """The folder of a sweep that is named by its folder or by its name under outputs/."""
    return Path(text) if Path(text).is_dir() else Path("outputs") / text
