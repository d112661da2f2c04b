"""`gains`: the gain of several rounds, divided into more samples, freshness, negatives and step credit."""

from __future__ import annotations

import argparse

from analysis.commands.arguments import add_draws, add_error, add_results, load_selected
from analysis.commands.console import print_json, print_tables
from analysis.errors import InputError

EXAMPLE = "gains results/prices_rounds --error sampled"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser)
    add_error(parser)
    add_draws(parser)


def run(options: argparse.Namespace) -> None:
    """Print every contrast with its gain."""
    from dataclasses import asdict

    from analysis.report.gain_table import gain_table
    from analysis.study.gains import gains

    lines = gains(load_selected(options), options.draws)
    if not lines:
        raise InputError(f'{options.results}: no rows with figure "rounds": run sweeps/prices_rounds.yaml')
    if options.json:
        print_json([{**asdict(line), "verdict": line.verdict} for line in lines])
    else:
        print_tables([gain_table(lines, options.error)])
