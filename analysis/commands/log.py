"""`log`: tables, fits and figures of a study as one Weights & Biases run."""

from __future__ import annotations

import argparse

from analysis.commands.arguments import add_baseline, add_error, add_results, load_selected
from analysis.errors import InputError
from synth_scaling.core.terminal import say

EXAMPLE = "log outputs/demo --project synth-scaling"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser)
    add_error(parser)
    parser.add_argument("--project", default="synth-scaling", help="W&B project (default %(default)s)")
    parser.add_argument("--group", metavar="SWEEP", help="W&B group (default: the sweep of the rows)")
    parser.add_argument("--report", action="store_true", help="save a W&B report on the sweep as well (needs a key)")
    add_baseline(parser, "the label that multipliers refer to")


def run(options: argparse.Namespace) -> None:
    """Log the study and print where its run is."""
    from analysis.report.wandb_report import check_report, save_report
    from analysis.report.wandb_run import logged, run_id
    from analysis.study.study import examine

    results = load_selected(options)
    sweeps = sorted(set(results.rows["sweep"]))
    if options.group is None and len(sweeps) > 1:
        raise InputError(f"the rows are of several sweeps ({', '.join(sweeps)}): name the W&B group with --group")
    study = examine(results, options.baseline)
    group = options.group or sweeps[0]
    if options.report:
        check_report()
    done = logged(study, options.results, options.project, group)
    say(done.line)
    if options.report:
        if done.entity is None:
            raise InputError("--report: the analysis was recorded offline, so there is nothing to report on yet")
        say(f"report: {save_report(study, done.entity, options.project, group, run_id(results))}")
