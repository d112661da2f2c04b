"""Which runs are done, and how far a sweep is: a plan written when it starts, counted against finished runs."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from synth_scaling.config import Config, run_hash


def run_folder(config: Config) -> Path:
    """Where a run keeps what it comes to."""
    return Path(config.output) / "runs" / run_hash(config)


def is_done(config: Config) -> bool:
    return (run_folder(config) / "DONE").exists()


@dataclass(frozen=True)
class Plan:
    """The runs of a sweep by name (hash), how many were done when it was started, and when that was."""

    runs: list[str]
    done_before: int
    started: float  # seconds since the epoch

    def write(self, output: Path) -> None:
        (output / "plan.json").write_text(json.dumps(asdict(self)))

    @staticmethod
    def read(output: Path) -> Plan | None:
        file = output / "plan.json"
        return Plan(**json.loads(file.read_text())) if file.exists() else None


def progress(output: Path, run: str) -> str:
    """'run 7 of 58 done, about 6 min left', or '' if `run` belongs to no sweep."""
    plan = Plan.read(output)
    if plan is None or run not in plan.runs:
        return ""
    done = sum((output / "runs" / name / "DONE").exists() for name in plan.runs)
    left, made = len(plan.runs) - done, done - plan.done_before
    words = f"{done} of {len(plan.runs)} runs done"
    if made > 0 and left > 0:
        words += f", about {(time.time() - plan.started) / made * left / 60:.0f} min left"
    return words
