"""`figures`: every figure of a study as PNG, SVG and the CSV of its points."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.commands.arguments import add_error, add_results, load_joined
from synth_scaling.core.terminal import say

EXAMPLE = "figures results/maze_full results/star_graph --out figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser, several=True)
    add_error(parser)
    parser.add_argument("--only", metavar="FIGURE", action="append", help="draw this figure alone; repeatable")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: RESULTS/figures of the first folder")


def run(options: argparse.Namespace) -> None:
    """Draw the figures and print one line about each."""
    from analysis.figures import draw_all
    from analysis.figures.inputs import figure_inputs
    from analysis.study.studies import Studies

    out = options.out or options.results / "figures"
    inputs = figure_inputs(Studies(load_joined(options)), options.task)
    for line in draw_all(inputs, out, options.only):
        say(line)
