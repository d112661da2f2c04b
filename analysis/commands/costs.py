"""`costs`: FLOPs and seconds of a study by label, as a table or as JSON."""

from __future__ import annotations

import argparse

from analysis.commands.arguments import add_json, add_results, load_selected
from analysis.commands.console import print_json, print_tables
from synth_scaling.core.terminal import say

EXAMPLE = "costs results/maze_full"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Print the costs without pretraining by label, and the totals without and with it."""
    from dataclasses import asdict

    from analysis.report.cost_table import cost_lines, cost_table
    from analysis.study.costs import PRETRAINING, study_cost

    results = load_selected(options)
    everything, without = study_cost(results), study_cost(results, (PRETRAINING,))
    if options.json:
        print_json({"without_pretraining": asdict(without), "with_pretraining": asdict(everything)})
        return
    print_tables([cost_table(without)])
    for line in cost_lines({"without pretraining": without, "with pretraining": everything}):
        say(line)
