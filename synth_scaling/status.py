"""Print the state of every run of a sweep.

    synth-scaling status SWEEP [--once]

SWEEP is the output folder of a sweep, or its name under outputs/. On a terminal the table is refreshed every two
seconds until all runs are over; elsewhere, or with --once, it is printed once. Exit code 0; 1 if runs have failed; 2 if
there is no plan of a sweep.

Example: synth-scaling status demo
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.core.terminal import literal, say
from synth_scaling.sweep.plan import Plan, sweep_folder, words
from synth_scaling.sweep.status import STATES, RunStatus, survey

SHOWN = 12  # running and failed runs at most


def drawn(output: Path, plan: Plan, runs: Sequence[RunStatus], now: float) -> Group:
    """The tables that are printed: counts, running runs, failed runs."""
    counts = Counter(run.state for run in runs)
    head = Table(title=literal(f"{output}: {words(output, plan)}"), title_justify="left")
    for column in (*STATES, "computed in", "FLOPs"):
        head.add_column(column, justify="right")
    spent = sum(run.seconds for run in runs)
    head.add_row(
        *(str(counts[state]) for state in STATES), f"{spent / 60:.1f} min", f"{sum(run.flops for run in runs):.2e}"
    )
    parts: list[Table] = [head]
    if counts["running"]:
        table = Table("running", "stage", "for", "step")
        for run in [run for run in runs if run.state == "running"][:SHOWN]:
            table.add_row(
                literal(run.title), literal(run.stage), f"{max(0.0, now - run.since):.0f} s", str(run.step or "")
            )
        parts.append(table)
    if counts["failed"]:
        table = Table("failed", "reason", "folder")
        for run in [run for run in runs if run.state == "failed"][-SHOWN:]:
            error, folder = (run.error.splitlines() or [""])[0][:200], RunFolder.of(output, run.name).path
            table.add_row(literal(run.title), literal(error), literal(folder))
        parts.append(table)
    return Group(*parts)


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="synth-scaling status", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep", type=sweep_folder, help="output folder of a sweep, or its name under outputs/")
    parser.add_argument("--once", action="store_true", help="print the table once, on a terminal too")
    options = parser.parse_args(arguments)
    output, console = options.sweep, Console(emoji=False)
    try:
        plan, runs = survey(output)
    except ValueError as error:
        say(error, file=sys.stderr)
        return 2
    if options.once or not console.is_terminal:
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
