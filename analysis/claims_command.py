"""`python -m analysis claims RESULTS …`: what the rows say to each claim. The work is imported when it is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.stats.bootstrap import DRAWS


def add_parser(commands: Any, reads: argparse.ArgumentParser) -> None:
    """The subcommand `claims`."""
    parser = commands.add_parser("claims", parents=[reads], help="what the rows say to each claim of the paper")
    parser.add_argument("more", nargs="*", type=Path, metavar="RESULTS", help="further folders, of other tasks")
    parser.add_argument("--draws", type=int, default=DRAWS, help="bootstrap draws (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from analysis.commands.claims import run

    run(options)
