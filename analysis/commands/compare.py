"""`compare`: paired differences of test error between every label and one of them."""

from __future__ import annotations

import argparse

from analysis.commands.arguments import add_draws, add_error, add_results, load_selected
from analysis.commands.console import print_json, print_tables

EXAMPLE = "compare results/maze_full --sweep maze_full --baseline rft"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser)
    add_error(parser)
    parser.add_argument("--baseline", required=True, metavar="LABEL", help="the label that is subtracted")
    add_draws(parser)


def run(options: argparse.Namespace) -> None:
    """Print the differences."""
    from analysis.report.tables import difference_table, differences_as_json
    from analysis.study.study import examine

    study = examine(load_selected(options), options.baseline, options.draws)
    if options.json:
        print_json(differences_as_json(study))
    else:
        print_tables([difference_table(study)])
