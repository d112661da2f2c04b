"""How a sweep stands: `python -m synth_scaling.status SWEEP [--once]`.

SWEEP is the output folder of a sweep, or its name under outputs/. On a terminal the table is drawn anew every two
seconds until all runs are over; elsewhere, or with --once, it is printed once. Exit code 0, 1 if runs have failed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from synth_scaling.leases import is_held
from synth_scaling.progress import Failure, Plan, words

STATES = ("done", "running", "failed", "waiting")
SHOWN = 12  # running and failed runs at most


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
    return plan, [_status(output / "runs" / run.name, run.name, run.title) for run in plan.runs]


def _status(folder: Path, name: str, title: str) -> RunStatus:
    try:
        there = set(os.listdir(folder))
    except FileNotFoundError:
        return RunStatus(name, title, "waiting")
    lines = _lines(folder / "stages.jsonl") if "stages.jsonl" in there else []
    seconds = sum(line.get("seconds", 0.0) for line in lines)
    flops = sum(line.get("flops", 0.0) for line in lines)
    if "DONE" in there:
        return RunStatus(name, title, "done", seconds=seconds, flops=flops)
    if "begun.json" in there and is_held(folder.with_suffix(".lock")):
        now = lines[-1] if lines else {}
        curve = [line for line in _lines(folder / "metrics.jsonl") if line["stage"] == now.get("stage")]
        step = int(curve[-1]["step"]) if curve else 0
        return RunStatus(name, title, "running", now.get("stage", "start"), now.get("at", 0.0), step, seconds, flops)
    failure = Failure.read(folder)
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


def drawn(output: Path, plan: Plan, runs: Sequence[RunStatus], now: float) -> Group:
    """The tables of the terminal."""
    counts = Counter(run.state for run in runs)
    head = Table(title=f"{output}: {words(output, plan)}", title_justify="left")
    for column in (*STATES, "made in", "FLOPs"):
        head.add_column(column, justify="right")
    spent = sum(run.seconds for run in runs)
    head.add_row(
        *(str(counts[state]) for state in STATES), f"{spent / 60:.1f} min", f"{sum(run.flops for run in runs):.2e}"
    )
    parts: list[Table] = [head]
    if counts["running"]:
        table = Table("running", "stage", "for", "step")
        for run in [run for run in runs if run.state == "running"][:SHOWN]:
            table.add_row(run.title, run.stage, f"{max(0.0, now - run.since):.0f} s", str(run.step or ""))
        parts.append(table)
    if counts["failed"]:
        table = Table("failed", "reason", "folder")
        for run in [run for run in runs if run.state == "failed"][-SHOWN:]:
            table.add_row(run.title, run.error.splitlines()[0][:200], str(output / "runs" / run.name))
        parts.append(table)
    return Group(*parts)


def sweep_folder(text: str) -> Path:
    """The folder of a sweep that is named by its folder or by its name under outputs/."""
    return Path(text) if Path(text).is_dir() else Path("outputs") / text


def main(arguments: Sequence[str]) -> int:
    words = [word for word in arguments if not word.startswith("-")]
    if len(words) != 1 or set(arguments) - set(words) - {"--once"}:
        print(__doc__, file=sys.stderr)
        return 2
    output, console = sweep_folder(words[0]), Console()
    try:
        plan, runs = survey(output)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if "--once" in arguments or not console.is_terminal:
        console.print(drawn(output, plan, runs, time.time()))
    else:
        with Live(drawn(output, plan, runs, time.time()), console=console) as live:
            while any(run.state in ("running", "waiting") for run in runs):
                time.sleep(2)
                plan, runs = survey(output)
                live.update(drawn(output, plan, runs, time.time()))
    return int(any(run.state == "failed" for run in runs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
