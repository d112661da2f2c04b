"""How far a sweep is: a plan written when it starts, and how many of its runs are done."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path


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
