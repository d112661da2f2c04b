"""`figures`: every figure of a study as PNG, SVG, PDF and the CSV of its points."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from analysis.commands.arguments import add_error, add_results, load_joined
from analysis.errors import InputError
from synth_scaling.core.terminal import say

EXAMPLE = "figures results/maze_full results/star_graph --out figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser, several=True)
    add_error(parser)
    parser.add_argument(
        "--teacher-cost", type=float, metavar="F", help="FLOPs of a teacher solution, in the figure frontier"
    )
    parser.add_argument("--only", metavar="FIGURE", action="append", help="draw this figure alone; repeatable")
    parser.add_argument(
        "--width", choices=("column", "page"), default="column", help="3.25 or 6.75 inches (default %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: RESULTS/figures of the first folder")


def run(options: argparse.Namespace) -> None:
    """Draw the figures and print one line about each."""
    from analysis.figures import draw_all
    from analysis.figures.inputs import figure_inputs
    from analysis.study.studies import Studies

    if options.teacher_cost is not None and not 0 < options.teacher_cost < math.inf:
        raise InputError(f"--teacher-cost must be above 0, not {options.teacher_cost:g}")
    out = options.out or options.results / "figures"
    inputs = figure_inputs(Studies(load_joined(options)), options.task, options.width, options.teacher_cost)
    for line in draw_all(inputs, out, options.only):
        say(line)
