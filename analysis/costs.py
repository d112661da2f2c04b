"""What the runs of a study cost, alone and as they share: `python -m analysis costs RESULTS`.

A stage is told by its hash. One that k runs need is made once, and each of them bears 1/k of it: so the runs' shares
add up to what the study took, and do not depend on which run happened to be first, as charging the maker would.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from analysis.layouts import InputError
from analysis.rows import Results, load

PRETRAINING = "base"  # the stage whose cost would hide every other's
FIELDS = ("label", "hashes", "costs", "seconds")


@dataclass(frozen=True)
class Spent:
    """FLOPs of training and sampling, and seconds of the making as they were measured."""

    flops: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.flops + other.flops, self.seconds + other.seconds)

    def __truediv__(self, parts: int) -> Spent:
        return Spent(self.flops / parts, self.seconds / parts)


@dataclass(frozen=True)
class LabelCost:
    """What the runs of a label cost.

    Attributes:
        alone: each run with an empty store.
        shared: each run with its parts of the stages that it shares.
        own: the stages that no other label needs, once each: what the study would save without the label.
    """

    label: str
    runs: int
    alone: Spent
    shared: Spent
    own: Spent


@dataclass(frozen=True)
class StudyCost:
    """What a study cost: by label; each run with an empty store; every stage once."""

    labels: tuple[LabelCost, ...]
    alone: Spent
    once: Spent


def study_cost(results: Results, leave_out: Collection[str] = ()) -> StudyCost:
    """Add up the stages of all rows but those of the names `leave_out`.

    Raises:
        InputError: rows that do not tell their stages' hashes, costs and seconds.
    """
    runs: list[tuple[str, Mapping[str, Spent]]] = []
    if missing := set(FIELDS) - set(results.rows):
        raise InputError(f"the rows do not tell their {', '.join(sorted(missing))}")
    for row in results.rows[["run", *FIELDS]].to_dict("records"):
        if not all(isinstance(row[field], dict) for field in FIELDS[1:]):
            raise InputError(f"run {row['run']} does not tell the hashes, costs and seconds of its stages")
        runs.append((str(row["label"]), _stages(row, leave_out)))
    users = Counter(digest for _, stages in runs for digest in stages)
    needed: dict[str, set[str]] = {}
    for label, stages in runs:
        for digest in stages:
            needed.setdefault(digest, set()).add(label)
    made = {digest: spent for _, stages in runs for digest, spent in stages.items()}
    labels = []
    for label in sorted({label for label, _ in runs}):
        its = [stages for own, stages in runs if own == label]
        labels.append(
            LabelCost(
                label,
                len(its),
                alone=sum((spent for stages in its for spent in stages.values()), Spent()),
                shared=sum((spent / users[digest] for stages in its for digest, spent in stages.items()), Spent()),
                own=sum((spent for digest, spent in made.items() if needed[digest] == {label}), Spent()),
            )
        )
    alone = sum((one.alone for one in labels), Spent())
    return StudyCost(tuple(labels), alone, sum(made.values(), Spent()))


def _stages(row: Mapping[Any, Any], leave_out: Collection[str]) -> dict[str, Spent]:
    """A run's distinct stages by hash; one may go by two names in it."""
    return {
        digest: Spent(row["costs"][name]["flops_training"] + row["costs"][name]["flops_sampling"], row["seconds"][name])
        for name, digest in row["hashes"].items()
        if name not in leave_out
    }


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
