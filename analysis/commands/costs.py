"""`costs`: tokens, FLOPs and seconds of a study, by label."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from analysis.data.results import load
from analysis.study.costs import PRETRAINING, Spent, StudyCost, study_cost


def add_parser(commands: Any, reads: argparse.ArgumentParser) -> None:
    """The command `costs`."""
    parser = commands.add_parser("costs", parents=[reads], help="FLOPs and seconds, alone and with shared stages once")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_costs)


def _costs(options: argparse.Namespace) -> None:
    results = load(options.results).select(task=options.task, sweep=options.sweep)
    every, without = study_cost(results), study_cost(results, (PRETRAINING,))
    if options.json:
        print(json.dumps({"without_pretraining": asdict(without), "with_pretraining": asdict(every)}, indent=2))
        return
    _print(without)
    for words, cost in (("without pretraining", without), ("with pretraining", every)):
        (flops, all_flops), (seconds, all_seconds) = zip(_pair(cost.once), _pair(cost.alone), strict=True)
        print(f"{words}: {flops:.3g} of {all_flops:.3g} FLOPs ({_share(flops, all_flops)}), ", end="")
        print(f"{seconds:,.0f} of {all_seconds:,.0f} s ({_share(seconds, all_seconds)})")


def _pair(spent: Spent) -> tuple[float, float]:
    return spent.flops, spent.seconds


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _print(cost: StudyCost) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="FLOPs and seconds of the making, without pretraining")
    table.caption = (
        "alone: every run with an empty store; shared: a stage of k runs counts 1/k in each; own: stages that no other "
        "label needs. The last line counts every stage once"
    )
    table.add_column("label")
    for column in ("runs", "alone", "shared", "own", "alone, s", "shared, s", "own, s"):
        table.add_column(column, justify="right")
    for one in cost.labels:
        parts = (one.alone, one.shared, one.own)
        flops, seconds = [f"{part.flops:.3g}" for part in parts], [f"{part.seconds:,.0f}" for part in parts]
        table.add_row(escape(one.label), str(one.runs), *flops, *seconds)
    total, once = (f"{cost.alone.flops:.3g}", f"{cost.once.flops:.3g}"), cost.once.seconds
    runs = str(sum(one.runs for one in cost.labels))
    table.add_section()
    table.add_row("all", runs, *total, "", f"{cost.alone.seconds:,.0f}", f"{once:,.0f}", "")
    Console(width=None if sys.stdout.isatty() else 140).print(table)
