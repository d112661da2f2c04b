"""`table`: errors, laws, multipliers and differences of a study, as tables or as JSON."""

from __future__ import annotations

import argparse

from analysis.commands.arguments import add_baseline, add_draws, add_error, add_results, load_selected
from analysis.commands.console import print_json, print_tables
from synth_scaling.core.terminal import say

EXAMPLE = "table results/maze_full --sweep maze_full"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser)
    add_error(parser)
    add_baseline(parser, "the label that multipliers and differences refer to")
    add_draws(parser)


def run(options: argparse.Namespace) -> None:
    """Print every table of the study."""
    from analysis.report.tables import as_json, tables
    from analysis.study.study import examine

    study = examine(load_selected(options), options.baseline, options.draws)
    if options.json:
        print_json(as_json(study))
        return
    print_tables(tables(study))
    if study.no_multipliers:
        say(f"No multipliers against {study.baseline}: {study.no_multipliers}.")
