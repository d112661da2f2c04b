"""`python -m analysis figures RESULTS …` and `python -m analysis report RESULTS …`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.data.results import Results, load


def add_parser(commands: Any, reads: argparse.ArgumentParser) -> None:
    """The subcommands `figures` and `report`."""
    figures = commands.add_parser("figures", parents=[reads], help="PNG, SVG and the CSV of points of every figure")
    _add_more(figures)
    figures.add_argument("--out", type=Path, metavar="DIR", help="default RESULTS/figures, of the first folder")
    figures.set_defaults(command=draw)
    report = commands.add_parser("report", parents=[reads], help="figures, tables, claims and runs as one HTML page")
    _add_more(report)
    report.add_argument(
        "--out", type=Path, metavar="FILE.html", help="default RESULTS/report.html, of the first folder"
    )
    report.set_defaults(command=write)


def draw(options: argparse.Namespace) -> None:
    """Draw every figure, saying one line about each."""
    from analysis.figures import draw_all

    for line in draw_all(_load(options), options.out or options.results / "figures", options.task):
        print(line)


def write(options: argparse.Namespace) -> None:
    """Write the page."""
    from analysis.report.page import page

    out = options.out or options.results / "report.html"
    text = page(_load(options), options.task)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    print(out)


def _add_more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("more", nargs="*", type=Path, metavar="RESULTS", help="further folders, of other tasks")


def _load(options: argparse.Namespace) -> Results:
    """The rows of all folders. Those of other tasks stay: the star graph has a figure of its own."""
    from analysis.data.results import joined

    results = joined([load(folder) for folder in (options.results, *options.more)]).select(sweep=options.sweep)
    if options.task is not None:
        results.select(task=options.task)  # for its message before anything is drawn
    return results
