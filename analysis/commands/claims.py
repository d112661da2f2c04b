"""`claims`: what the results show about each claim of the paper, as tables or as JSON."""

from __future__ import annotations

import argparse

from analysis.commands.arguments import add_draws, add_error, add_results, load_joined
from analysis.commands.console import print_json, print_tables

EXAMPLE = "claims results/maze_full results/star_graph"
WIDTH = 160  # columns; rules and notes are long


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser, several=True)
    add_error(parser)
    add_draws(parser)


def run(options: argparse.Namespace) -> None:
    """Print the claims of every task."""
    from dataclasses import asdict

    from analysis.claims import claims
    from analysis.report.claims_table import claims_table
    from analysis.study.studies import Studies

    studies = Studies(load_joined(options).select(task=options.task), options.draws)
    ledger = claims(studies)
    if options.json:
        print_json([asdict(claim) for claim in ledger])
        return
    measure = {task: f" ({studies.of(task).error_name})" for task in studies.tasks}
    tasks = dict.fromkeys(claim.task for claim in ledger)
    print_tables(
        (
            claims_table(f"Claims on {task}{measure.get(task, '')}", [claim for claim in ledger if claim.task == task])
            for task in tasks
        ),
        WIDTH,
    )
