"""`collect`: the rows of several folders in two files, and their samples in a third, to commit or to send."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.commands.arguments import say_what_is_left_out
from synth_scaling.core.terminal import say

EXAMPLE = "collect outputs/maze_full outputs/maze_ablations results/mine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="folder with runs/ or with rows.jsonl")
    parser.add_argument("destination", type=Path, metavar="DESTINATION", help="folder to write the files to")


def run(options: argparse.Namespace) -> None:
    """Write rows.jsonl, correct.parquet and samples.parquet, and print how many rows they hold."""
    from analysis.data.results import collect

    for source in options.sources:
        say_what_is_left_out(source)
    count = collect(options.sources, options.destination)
    say(f"{count} rows written to {options.destination}")
