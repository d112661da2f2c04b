"""Tables and figures from result rows: `python -m analysis {table,compare,figures,collect} …`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis import claims_command, plan_command
from analysis.commands import costs, fit, log, pull, report
from analysis.data.files import InputError
from analysis.data.results import Results, collect, load
from analysis.stats.bootstrap import DRAWS
from analysis.study.study import Study, examine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, or 2 after one line on stderr about what the user can put right."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (InputError, OSError) as error:
        print(f"analysis: {error}", file=sys.stderr)
        return 2
    return 0


def _table(options: argparse.Namespace) -> None:
    from analysis.report.tables import as_json, tables

    study = _study(options)
    if options.json:
        _print_json(as_json(study))
        return
    _print_tables(tables(study))
    if study.no_multipliers:
        print(f"No multipliers against {study.baseline}: {study.no_multipliers}.")


def _compare(options: argparse.Namespace) -> None:
    from analysis.report.tables import difference_table, differences_as_json

    study = _study(options)
    if options.json:
        _print_json(differences_as_json(study))
    else:
        _print_tables([difference_table(study)])


def _collect(options: argparse.Namespace) -> None:
    count = collect(options.sources, options.destination)
    print(f"{count} rows written to {options.destination}")


def _load(options: argparse.Namespace) -> Results:
    return load(options.results).select(task=options.task, sweep=options.sweep)


def _study(options: argparse.Namespace) -> Study:
    return examine(_load(options), options.baseline, options.draws)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))


def _print_tables(tables: list[Any]) -> None:
    from rich.console import Console

    # Into a pipe or a file rich assumes 80 columns and would cut the numbers.
    console = Console(width=None if sys.stdout.isatty() else 140)
    for table in tables:
        console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    reads = argparse.ArgumentParser(add_help=False)
    reads.add_argument("results", type=Path, metavar="RESULTS", help="folder with runs/ or with rows.jsonl")
    reads.add_argument("--task", help="only rows of this task (needed where the folder holds several)")
    reads.add_argument("--sweep", help="only rows of this sweep")

    counts = argparse.ArgumentParser(add_help=False)
    counts.add_argument("--draws", type=_positive, default=DRAWS, help="bootstrap draws (default %(default)s)")
    counts.add_argument("--json", action="store_true", help="print JSON, errors as fractions")

    table = commands.add_parser("table", parents=[reads, counts], help="errors, laws, multipliers, differences")
    table.add_argument("--baseline", default="sft", metavar="LABEL", help="default %(default)s")
    table.set_defaults(command=_table)

    compare = commands.add_parser("compare", parents=[reads, counts], help="paired differences against one label")
    compare.add_argument("--baseline", required=True, metavar="LABEL")
    compare.set_defaults(command=_compare)

    report.add_parser(commands, reads)
    claims_command.add_parser(commands, reads)
    plan_command.add_parser(commands, reads)
    costs.add_parser(commands, reads)
    log.add_parser(commands, reads)
    pull.add_parser(commands, reads)
    fit.add_parser(commands)

    collected = commands.add_parser("collect", help="write all runs as one rows.jsonl and correct.parquet")
    collected.add_argument("sources", type=Path, nargs="+", metavar="SOURCE")
    collected.add_argument("destination", type=Path, metavar="DESTINATION")
    collected.set_defaults(command=_collect)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
