"""`claims`: what the results show about each claim of the paper, as tables or as JSON."""

from __future__ import annotations

import argparse

from analysis.commands.arguments import add_draws, add_error, add_results, load_each, load_joined
from analysis.commands.console import print_json, print_tables

EXAMPLE = "claims results/maze_full results/star_graph"
WIDTH = 160  # columns; rules and notes are long


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser, several=True)
    add_error(parser)
    parser.add_argument(
        "--by-world", action="store_true", help="one table: every claim by task, judged by greedy and by sampled error"
    )
    add_draws(parser)


def run(options: argparse.Namespace) -> None:
    """Print the claims of every task."""
    from dataclasses import asdict

    if options.by_world:
        _run_by_world(options)
        return

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


def _run_by_world(options: argparse.Namespace) -> None:
    """Print one table of the claims in all folders."""
    from analysis.claims.by_world import by_world
    from analysis.report.claims_table import world_json, world_table

    ledger = by_world([(str(folder), results) for folder, results in load_each(options)], options.draws)
    if options.json:
        print_json(world_json(ledger))
        return
    print_tables([world_table(ledger)], WIDTH)
