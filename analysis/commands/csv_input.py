"""The CSV input and the printed reports of `fit` and `fit-joint`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.commands.arguments import add_draws
from analysis.commands.console import print_json, print_tables
from analysis.defaults import HUBER_DELTA
from analysis.errors import InputError

if TYPE_CHECKING:
    from analysis.arrays import Floats
    from analysis.data.csv_table import Table
    from analysis.report.fits import Report


def add_file(parser: argparse.ArgumentParser) -> None:
    """Declare the file, its columns of outcomes, --drop, --delta, --draws and --json."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE.csv", help="CSV file with a header and one row per point, or a results folder")
    add("--y", metavar="COLUMN", help="positive values, such as losses or errors")
    add("--y-count", metavar="COLUMN", help="number incorrect; with --n-test a binomial fit, and --y is not needed")
    add("--n-test", metavar="COLUMN", help="number tested: a column or a number")
    add("--drop", metavar="COLUMN=VALUE", action="append", default=[], help="leave out such rows; repeatable")
    add("--keep", metavar="COLUMN=VALUE", action="append", default=[], help="only such rows; repeatable")
    delta = "of Huber's loss of log residuals, for values; inf is least squares (default %(default)s)"
    add("--delta", type=float, default=HUBER_DELTA, help=delta)
    add_draws(parser)


def read_rows(options: argparse.Namespace) -> Table:
    """The rows to fit. Raises InputError for a file that cannot be read and for options that contradict each other."""
    from analysis.data.csv_table import read_csv
    from analysis.data.row_table import row_table

    if (options.y_count is None) != (options.n_test is None):
        raise InputError("--y-count and --n-test go together")
    if options.y is None and options.y_count is None:
        raise InputError("give --y, or --y-count and --n-test")
    if not options.delta > 0:
        raise InputError(f"--delta should be above 0, found {options.delta:g}")
    table = row_table(options.file) if options.file.is_dir() else read_csv(options.file)
    for option, texts in (("--drop", options.drop), ("--keep", options.keep)):
        for text in texts:
            column, equals, value = text.partition("=")
            if not equals:
                raise InputError(f"{option} should be COLUMN=VALUE, found {text!r}")
            table = table.drop(column, value) if option == "--drop" else table.keep(column, value)
    if not table.rows:
        raise InputError(f"{options.file}: no rows are left")
    return table


def read_outcome(table: Table, options: argparse.Namespace) -> tuple[Floats, Floats | None]:
    """(values (K,), None), or (number incorrect (K,), number tested (K,)); counts win where both are named.

    Raises:
        InputError: a cell that is not such a number, or numbers that are not counts.
    """
    import numpy as np

    if options.y_count is None:
        return table.numbers(options.y, above=0), None
    if options.y is not None:
        table.numbers(options.y)
    wrong = table.numbers(options.y_count, least=0)
    constant = None if options.n_test in table.header else _number(options.n_test)
    tested = table.numbers(options.n_test, above=0) if constant is None else np.full(len(wrong), constant)
    for count, total, line in zip(wrong, tested, table.lines, strict=True):
        if not (total > 0 and count <= total and count % 1 == total % 1 == 0):
            raise InputError(f"{table.path}, line {line}: {count:g} of {total:g} is no count of incorrect among tested")
    return wrong, tested


@contextmanager
def named_errors(where: str) -> Iterator[None]:
    """Turn a ValueError of a fit into an InputError that names the file and group."""
    try:
        yield
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def print_reports(options: argparse.Namespace, reports: Sequence[Report]) -> None:
    """Print the fits as tables, or as JSON."""
    if options.json:
        print_json({"file": str(options.file), "fits": [report.as_json() for report in reports]})
    else:
        print_tables(table for report in reports for table in report.tables())


def _number(text: str) -> float | None:
    """`text` as a number; None if it is none."""
    try:
        return float(text)
    except ValueError:
        return None
