"""`fit`: scaling laws of one size, fitted to any CSV file."""

from __future__ import annotations

import argparse

from analysis.commands.csv_input import add_file, named_errors, print_reports, read_outcome, read_rows
from analysis.fits.laws import LAW_NAMES

EXAMPLE = "fit losses.csv --x N --y loss --group method --law auto"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_file(parser)
    parser.add_argument("--x", metavar="COLUMN", required=True, help="sizes N")
    parser.add_argument("--group", metavar="COLUMN", help="fit the rows of each of its values separately")
    laws = (*LAW_NAMES, "auto")
    parser.add_argument(
        "--law", choices=laws, default="auto", help="auto, the default, compares power, floor, rectified and turning"
    )
    predicted = "predict a new run at these N, with 95 %% intervals: laws weighted by how they predict sizes left out"
    parser.add_argument("--predict", metavar="N1,N2", type=_sizes, default=(), help=predicted)


def run(options: argparse.Namespace) -> None:
    """Fit each group and print the reports. Raises InputError with the file, and the line where there is one."""
    import numpy as np
    from tqdm import tqdm

    from analysis.report.fits import fit_report

    table = read_rows(options)
    sizes, (outcome, tested) = table.numbers(options.x, above=0), read_outcome(table, options)
    names = table.text(options.group) if options.group else [""] * len(sizes)
    reports, groups = [], sorted(set(names), key=_natural)
    # Off without a terminal. The total is about right: batches of draws are 100, or all where points are few.
    bar = tqdm(total=len(groups) * (13 + options.draws // 100), unit="fit", disable=None, leave=False)
    for name in groups:
        members = np.array([other == name for other in names])
        data = sizes[members], outcome[members], None if tested is None else tested[members]
        group, where = (name, f", {options.group} {name}") if options.group else (None, "")
        with named_errors(f"{options.file}{where}"):
            reports.append(
                fit_report(group, options.law, *data, options.delta, options.draws, bar.update, options.predict)
            )
    bar.close()
    print_reports(options, reports)


def _sizes(text: str) -> tuple[float, ...]:
    """Sizes from "N1,N2". Raises ArgumentTypeError for what is no positive number."""
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers separated by commas, not {text!r}") from None
    if not all(0 < size < float("inf") for size in sizes):
        raise argparse.ArgumentTypeError(f"sizes must be positive, not {text!r}")
    return sizes


def _natural(text: str) -> tuple[bool, float, str]:
    """A sort key that puts numbers before words, by value."""
    try:
        return (False, float(text), text)
    except ValueError:
        return (True, 0.0, text)
