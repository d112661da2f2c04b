"""Arguments that several commands share, and how a command reads its result folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.defaults import BASELINE, DRAWS, GREEDY, pass_at
from synth_scaling.core.terminal import say

if TYPE_CHECKING:
    import pyarrow as pa

    from analysis.data.results import Results


def add_results(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Declare RESULTS, --task and --sweep; with `several` folders of other tasks may follow the first."""
    parser.add_argument("results", type=Path, metavar="RESULTS", help="folder with runs/ or with rows.jsonl")
    if several:
        parser.add_argument("more", nargs="*", type=Path, metavar="RESULTS", help="folders with runs of other tasks")
    parser.add_argument("--task", help="only rows of this task (needed where the folder holds several)")
    parser.add_argument("--sweep", help="only rows of this sweep")
    parser.set_defaults(error=GREEDY)


def add_error(parser: argparse.ArgumentParser) -> None:
    """Declare --error."""
    parser.add_argument(
        "--error",
        type=_error_measure,
        metavar="{greedy,sampled,pass@K}",
        default=GREEDY,
        help="test error of the greedy response, of one sample at evaluation.temperature, or 1 - pass@K of K samples "
        "(default %(default)s)",
    )


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


def _error_measure(text: str) -> str:
    try:
        pass_at(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def say_what_is_left_out(folder: Path) -> None:
    """A line on stderr that counts the finished runs which are not in the plan of the folder's sweep."""
    from analysis.data.files import not_in_plan

    if left_out := not_in_plan(folder):
        say(
            f"{left_out} finished runs of earlier launches with other settings are left out: {folder / 'plan.json'} "
            "does not name them; launch the whole sweep again, or remove that file to read all runs",
            file=sys.stderr,
        )


def _load(folder: Path) -> Results:
    """The rows of a folder, after a line about those that its plan leaves out. Raises InputError."""
    from analysis.data.results import load

    say_what_is_left_out(folder)
    return load(folder)


def load_selected(options: argparse.Namespace) -> Results:
    """The rows of one folder, of the task, the sweep and the error measure that were asked for.

    Raises:
        InputError: no such rows.
    """
    return _measured(_load(options.results).select(task=options.task, sweep=options.sweep), options, [options.results])


def load_each(options: argparse.Namespace) -> list[tuple[Path, Results]]:
    """Each folder with its rows of the task and sweep that were asked for. Raises InputError for one without any."""
    folders = [options.results, *options.more]
    return [(folder, _load(folder).select(task=options.task, sweep=options.sweep)) for folder in folders]


def load_joined(options: argparse.Namespace) -> Results:
    """The rows of all folders, of the sweep and the error measure that were asked for, and of every task.

    Raises:
        InputError: no such rows, or two folders that hold the same run or other test problems of one task.
    """
    from analysis.data.results import joined

    folders = [options.results, *options.more]
    results = joined([_load(folder) for folder in folders]).select(sweep=options.sweep)
    results = _measured(results, options, folders)
    if options.task is not None:
        results.select(task=options.task)  # raises before any work where there are no such rows
    return results


def load_samples(options: argparse.Namespace, results: Results) -> pa.Table | None:
    """The sampled responses of these rows from all folders; None without any. Raises InputError for a bad file."""
    import pyarrow as pa

    from analysis.data.samples import read_samples

    runs = list(results.rows["run"])
    tables = [read_samples(folder, runs) for folder in [options.results, *options.more]]
    there = [table for table in tables if table is not None]
    return pa.concat_tables(there) if there else None


def _measured(results: Results, options: argparse.Namespace, folders: Sequence[Path]) -> Results:
    """The rows that have the error measure that was asked for; a line on stderr counts those left out."""
    measured = results.measured_by(options.error, " or ".join(map(str, folders)))
    if left_out := len(results.rows) - len(measured.rows):
        k = pass_at(options.error)
        without = "no sampled errors" if k is None else f"fewer than {k} samples per problem"
        say(f"{left_out} of {len(results.rows)} rows have {without} and are left out", file=sys.stderr)
    return measured
