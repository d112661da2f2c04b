"""`python -m analysis fit FILE.csv …` and `fit-joint FILE.csv …`: laws of any CSV, as tables or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.data.csv_table import Table, read_csv
from analysis.data.files import InputError

if TYPE_CHECKING:
    from analysis.arrays import Floats
    from analysis.report.fits import Report

DRAWS = 1000


def add_parser(commands: Any) -> None:
    """The subcommands `fit` and `fit-joint`."""
    file = argparse.ArgumentParser(add_help=False)
    add = file.add_argument
    add("file", type=Path, metavar="FILE.csv", help="with a header; a row a point")
    add("--y", metavar="COLUMN", help="positive values, such as losses or errors")
    add("--y-count", metavar="COLUMN", help="how many were wrong: with --n-test a binomial fit, without need of --y")
    add("--n-test", metavar="COLUMN", help="how many were tested; a column or a number")
    add("--drop", metavar="COLUMN=VALUE", action="append", default=[], help="leave such rows out; repeatable")
    delta = "of Huber's loss of log residuals, for values; inf is least squares (default %(default)s)"
    add("--delta", type=float, default=1e-3, help=delta)
    add("--draws", type=int, default=DRAWS, help="bootstrap draws (default %(default)s)")
    add("--json", action="store_true", help="print JSON")

    fit = commands.add_parser("fit", parents=[file], help="laws of one size, of any CSV")
    fit.add_argument("--x", metavar="COLUMN", required=True, help="sizes")
    fit.add_argument("--group", metavar="COLUMN", help="fit the rows of each of its values apart")
    laws = ("power", "floor", "rectified", "turning", "auto")
    fit.add_argument("--law", choices=laws, default="auto", help="auto, the default: compare all")
    fit.set_defaults(command=run_fit)

    joint = commands.add_parser("fit-joint", parents=[file], help="joint laws of positives and negatives, of any CSV")
    joint.add_argument("--x1", metavar="COLUMN", required=True, help="positives P")
    joint.add_argument("--x2", metavar="COLUMN", required=True, help="negatives M")
    joint.add_argument("--law", choices=("additive", "effective"), default="effective", help="default %(default)s")
    joint.set_defaults(command=run_joint)


def run_fit(options: argparse.Namespace) -> None:
    """Fit each group and print what was found. Raises InputError with the file, and the line where there is one."""
    from analysis.report.fits import fit_report

    table = _table(options)
    sizes, (outcome, tested) = table.numbers(options.x, above=0), _outcome(table, options)
    names = table.text(options.group) if options.group else [""] * len(sizes)
    reports = []
    for name in sorted(set(names), key=_natural):
        own = np.array([other == name for other in names])
        data = sizes[own], outcome[own], None if tested is None else tested[own]
        group, where = (name, f", {options.group} {name}") if options.group else (None, "")
        with _named(f"{options.file}{where}"):
            reports.append(fit_report(group, options.law, *data, options.delta, options.draws))
    _print(options, reports)


def run_joint(options: argparse.Namespace) -> None:
    """Fit a joint law with and without a floor and print what was found. Raises InputError as `run_fit` does."""
    from analysis.report.fits import joint_report

    table = _table(options)
    positives = table.numbers(options.x1, above=0)
    negatives = table.numbers(options.x2, **({"above": 0} if options.law == "additive" else {"least": 0}))
    outcome, tested = _outcome(table, options)
    with _named(str(options.file)):
        report = joint_report(options.law, positives, negatives, outcome, tested, options.delta, options.draws)
    _print(options, [report])


def _table(options: argparse.Namespace) -> Table:
    """The rows to fit. Raises InputError for options that do not go together, too."""
    if (options.y_count is None) != (options.n_test is None):
        raise InputError("--y-count and --n-test go together")
    if options.y is None and options.y_count is None:
        raise InputError("give --y, or --y-count and --n-test")
    if not options.delta > 0:
        raise InputError(f"--delta should be above 0, found {options.delta:g}")
    if options.draws < 1:
        raise InputError(f"--draws should be at least 1, found {options.draws}")
    table = read_csv(options.file)
    for dropped in options.drop:
        column, equals, value = dropped.partition("=")
        if not equals:
            raise InputError(f"--drop should be COLUMN=VALUE, found {dropped!r}")
        table = table.drop(column, value)
    if not table.rows:
        raise InputError(f"{options.file}: no rows are left")
    return table


def _outcome(table: Table, options: argparse.Namespace) -> tuple[Floats, Floats | None]:
    """(values, None), or (wrong, tested): counts win where both are named.

    Raises:
        InputError: a cell that is no such number, or counts that are no counts.
    """
    if options.y_count is None:
        return table.numbers(options.y, above=0), None
    if options.y is not None:
        table.numbers(options.y)
    wrong = table.numbers(options.y_count, least=0)
    if options.n_test in table.header or not _is_number(options.n_test):
        tested = table.numbers(options.n_test, above=0)
    else:
        tested = np.full(len(wrong), float(options.n_test))
    for count, total, line in zip(wrong, tested, table.lines, strict=True):
        if not (total > 0 and count <= total and count % 1 == total % 1 == 0):
            raise InputError(f"{table.path}, line {line}: {count:g} of {total:g} is no count of wrong among tested")
    return wrong, tested


@contextmanager
def _named(where: str) -> Iterator[None]:
    """What cannot be fitted is told with its file and group."""
    try:
        yield
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _print(options: argparse.Namespace, reports: list[Report]) -> None:
    if options.json:
        found = {"file": str(options.file), "fits": [report.as_json() for report in reports]}
        print(json.dumps(found, indent=2, allow_nan=False))
        return
    from rich.console import Console

    # Into a pipe or a file rich assumes 80 columns and would cut the numbers.
    console = Console(width=None if sys.stdout.isatty() else 140)
    for report in reports:
        for table in report.tables():
            console.print(table)


def _natural(text: str) -> tuple[bool, float, str]:
    """Numbers by value and before words."""
    return (False, float(text), text) if _is_number(text) else (True, 0.0, text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
