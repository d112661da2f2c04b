"""`python -m analysis plan RESULTS …`: what to buy. The work is imported when it is asked for."""

from __future__ import annotations

import argparse
from typing import Any

from analysis.stats.bootstrap import DRAWS


def add_parser(commands: Any, reads: argparse.ArgumentParser) -> None:
    """The subcommand `plan`."""
    parser = commands.add_parser("plan", parents=[reads], help="the cheapest way to an error, the best for a budget")
    parser.add_argument("--target-error", type=float, metavar="E", help="a fraction, e.g. 0.05")
    parser.add_argument("--budget-flops", type=float, metavar="F", help="training and sampling FLOPs of one run")
    parser.add_argument("--budget-gpu-hours", type=float, metavar="H", help="needs --flops-per-second")
    parser.add_argument("--budget-money", type=float, metavar="M", help="needs both rates")
    parser.add_argument("--flops-per-second", type=float, metavar="R", help="what a GPU really does of them")
    parser.add_argument("--money-per-gpu-hour", type=float, metavar="P", help="in the unit of --budget-money")
    parser.add_argument("--flops-per-problem", type=float, metavar="F", help="what a teacher problem costs besides")
    parser.add_argument("--money-per-problem", type=float, metavar="M", help="the same in money; needs both rates")
    parser.add_argument("--multiplier", metavar="LABEL@N", help="rank the next runs by what they tell of this M(N)")
    parser.add_argument("--baseline", default="sft", metavar="LABEL", help="of --multiplier (default %(default)s)")
    parser.add_argument("--extrapolate", action="store_true", help="go past 4x a label's largest run, and mark it")
    parser.add_argument("--draws", type=int, default=DRAWS, help="bootstrap draws (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON, errors as fractions")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from analysis.commands.plan import run

    run(options)
