"""Arguments that several commands share, and how a command reads its result folders."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.defaults import BASELINE, DRAWS

if TYPE_CHECKING:
    from analysis.data.results import Results


def add_results(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Declare RESULTS, --task and --sweep; with `several` folders of other tasks may follow the first."""
    parser.add_argument("results", type=Path, metavar="RESULTS", help="folder with runs/ or with rows.jsonl")
    if several:
        parser.add_argument("more", nargs="*", type=Path, metavar="RESULTS", help="folders with runs of other tasks")
    parser.add_argument("--task", help="only rows of this task (needed where the folder holds several)")
    parser.add_argument("--sweep", help="only rows of this sweep")


def add_draws(parser: argparse.ArgumentParser) -> None:
    """Declare --draws and --json."""
    parser.add_argument("--draws", type=positive_integer, default=DRAWS, help="bootstrap draws (default %(default)s)")
    add_json(parser)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument("--json", action="store_true", help="print JSON; errors are fractions")


def add_baseline(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Declare --baseline with the usual default."""
    parser.add_argument("--baseline", default=BASELINE, metavar="LABEL", help=f"{meaning} (default %(default)s)")


def positive_integer(text: str) -> int:
    """`text` as an integer of at least 1. Raises ArgumentTypeError for anything else."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def load_selected(options: argparse.Namespace) -> Results:
    """The rows of one folder, of the task and sweep that were asked for. Raises InputError without any."""
    from analysis.data.results import load

    return load(options.results).select(task=options.task, sweep=options.sweep)


def load_joined(options: argparse.Namespace) -> Results:
    """The rows of all folders, of the sweep that was asked for and of every task.

    Raises:
        InputError: no such rows, or two folders that hold the same run or other test problems of one task.
    """
    from analysis.data.results import joined, load

    results = joined([load(folder) for folder in (options.results, *options.more)]).select(sweep=options.sweep)
    if options.task is not None:
        results.select(task=options.task)  # raises before any work where there are no such rows
    return results
