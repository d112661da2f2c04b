"""`fit-joint`: joint scaling laws of positives and negatives, fitted to any CSV file."""

from __future__ import annotations

import argparse

from analysis.commands.csv_input import add_file, named_errors, print_reports, read_outcome, read_rows
from analysis.fits.joint_laws import JOINT_LAW_NAMES

EXAMPLE = "fit-joint grid.csv --x1 positives --x2 negatives --y error --law effective"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_file(parser)
    parser.add_argument("--x1", metavar="COLUMN", required=True, help="positives P")
    parser.add_argument("--x2", metavar="COLUMN", required=True, help="negatives M")
    parser.add_argument("--law", choices=JOINT_LAW_NAMES, default="effective", help="default %(default)s")


def run(options: argparse.Namespace) -> None:
    """Fit a joint law with and without a floor and print the better one. Raises InputError as `fit` does."""
    from analysis.fits.joint import INFINITE_WITHOUT
    from analysis.report.fits import joint_report

    table = read_rows(options)
    positives = table.numbers(options.x1, above=0)
    negatives = table.numbers(options.x2, **({"above": 0} if options.law in INFINITE_WITHOUT else {"least": 0}))
    outcome, tested = read_outcome(table, options)
    with named_errors(str(options.file)):
        report = joint_report(options.law, positives, negatives, outcome, tested, options.delta, options.draws)
    print_reports(options, [report])
