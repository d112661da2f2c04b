"""`log`: tables, fits and figures as one Weights & Biases run."""

from __future__ import annotations

import argparse
from typing import Any

from analysis.data.files import InputError
from analysis.data.results import load
from analysis.report.wandb_run import log
from analysis.study.study import examine


def add_parser(commands: Any, reads: argparse.ArgumentParser) -> None:
    """The command `log`."""
    parser = commands.add_parser("log", parents=[reads], help="log points, fits, multipliers and figures to W&B")
    parser.add_argument("--project", default="synth-scaling", help="default %(default)s")
    parser.add_argument("--group", metavar="SWEEP", help="default: the sweep of the rows")
    parser.add_argument("--baseline", default="sft", metavar="LABEL", help="of the multipliers (default %(default)s)")
    parser.set_defaults(command=_log)


def _log(options: argparse.Namespace) -> None:
    results = load(options.results).select(task=options.task, sweep=options.sweep)
    sweeps = sorted(set(results.rows["sweep"]))
    if options.group is None and len(sweeps) > 1:
        raise InputError(f"the rows are of several sweeps ({', '.join(sweeps)}): name the W&B group with --group")
    study = examine(results, options.baseline)
    print(log(results, study, options.results, options.project, options.group or sweeps[0]))
