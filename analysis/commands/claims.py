"""The ledger printed, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from analysis.claims import Claim, claims
from analysis.data.files import InputError
from analysis.data.results import joined, load

if TYPE_CHECKING:
    from rich.table import Table

COLOURS = {"holds": "green", "contradicted": "red", "not resolved": "yellow", "not run": "dim"}


def run(options: argparse.Namespace) -> None:
    """Print the ledger of all folders together."""
    if options.draws < 1:
        raise InputError(f"--draws must be at least 1, not {options.draws}")
    results = joined([load(folder) for folder in (options.results, *options.more)])
    found = claims(results.select(task=options.task, sweep=options.sweep), options.draws)
    if options.json:
        print(json.dumps([asdict(claim) for claim in found], indent=2, allow_nan=False))
        return
    from rich.console import Console

    # Into a pipe or a file rich assumes 80 columns and would cut the numbers.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for task in dict.fromkeys(claim.task for claim in found):
        console.print(table(f"Claims on {task}", [claim for claim in found if claim.task == task]))


def table(title: str, found: Sequence[Claim]) -> Table:
    """One row a claim: what is claimed, the verdict, the estimate, the figure, the rule, and what would resolve it."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(title=title, show_lines=True)
    for column, least in (("claim", 24), ("verdict", 12), ("estimate [95 % interval]", 18), ("rule", 30), ("seen", 30)):
        made.add_column(column, min_width=least)
    for claim in found:
        seen = [part for part in (claim.note, f"figure {claim.figure}") if part]
        if claim.needed:
            seen.append(claim.needed if claim.verdict == "not run" else f"to resolve: {claim.needed}")
        verdict = f"[{COLOURS[claim.verdict]}]{claim.verdict}[/]"
        made.add_row(
            escape(claim.claim), verdict, escape(claim.estimate_text()), escape(claim.rule), escape("\n".join(seen))
        )
    return made
