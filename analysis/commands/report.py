"""`report`: one self-contained HTML page of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.commands.arguments import add_error, add_results, load_joined, load_samples
from synth_scaling.core.terminal import say

EXAMPLE = "report results/maze_full results/star_graph --out maze_full.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser, several=True)
    add_error(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE.html", help="default: RESULTS/report.html of the first folder"
    )


def run(options: argparse.Namespace) -> None:
    """Write the page and print its path."""
    from analysis.report.page import page
    from analysis.study.studies import Studies

    out = options.out or options.results / "report.html"
    results = load_joined(options)
    text = page(Studies(results), options.task, load_samples(options, results))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    say(out)
