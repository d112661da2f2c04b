"""`power`: the smallest effects that a planned sweep would resolve, and what it would cost, from an earlier study."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from analysis.commands.arguments import add_baseline, add_error, add_json, load_selected, positive_integer
from analysis.commands.console import print_json, print_tables
from analysis.errors import InputError
from synth_scaling.core.terminal import say

EXAMPLE = "power --from results/maze --methods rft,step_dpo --sizes 200,800 --seeds 5 --problems 1000"
DRAWS = 200  # of the study that the baseline's law is taken from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("--from", dest="results", type=Path, metavar="RESULTS", required=True, help="folder of an earlier study")
    add("--task", help="only rows of this task (needed where the folder holds several)")
    add("--sweep", help="only rows of this sweep")
    add_error(parser)
    add("--methods", metavar="A,B", help="labels of the earlier study to plan for (default all)")
    add("--sizes", metavar="N1,N2", help="planned N (default those of the baseline)")
    add("--seeds", type=positive_integer, default=3, help="planned seeds (default %(default)s)")
    add("--problems", type=positive_integer, help="planned test problems (default as before)")
    add("--negatives", type=float, metavar="m", help="negatives per problem, for the smallest kappa")
    add("--wanted-difference", type=float, metavar="D", help="print the seeds and problems that resolve it, e.g. 0.01")
    add("--wanted-multiplier", type=float, metavar="M", help="the same for a multiplier, e.g. 1.2")
    add_baseline(parser, "of differences and multipliers")
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Print what the planned sweep would resolve."""
    from dataclasses import asdict

    from analysis.planner.power import paired_noise, resolve
    from analysis.report.power_table import power_table
    from analysis.study.cost_law import fit_cost
    from analysis.study.study import Study

    _check(options)
    study = Study(load_selected(options), options.baseline, DRAWS)
    study.require_cells()
    labels = sorted({label for label, _ in study.cells})
    methods = options.methods.split(",") if options.methods else [one for one in labels if one != options.baseline]
    if options.baseline not in study.curves:
        raise InputError(f"{options.baseline}: {study.unfitted.get(options.baseline, 'no runs')}")
    curve = study.curves[options.baseline]
    sizes = _sizes(options.sizes) if options.sizes else list(curve.sizes)
    problems = options.problems or curve.cells[0].wrong.shape[1]
    noise = paired_noise(study.cells, options.baseline, methods)
    rows = resolve(
        noise,
        curve.baseline_law.law,
        sizes,
        options.seeds,
        problems,
        (curve.sizes[0], curve.sizes[-1]),
        options.negatives,
        options.wanted_difference,
        options.wanted_multiplier,
    )
    costs: dict[str, float | None] = {}
    for label in dict.fromkeys([options.baseline, *methods]):
        try:
            law = fit_cost(study.results, label)
            costs[label] = options.seeds * float(law.total(sizes).sum())
        except InputError:
            costs[label] = None  # rows without FLOPs
    if options.json:
        resolved = [
            asdict(row) | {"multiplier": row.multiplier if math.isfinite(row.multiplier) else None} for row in rows
        ]
        resolved = [{**row, "kappa": None if row["multiplier"] is None else row["kappa"]} for row in resolved]
        print_json({"noise": asdict(noise), "resolved": resolved, "flops": costs})
        return
    print_tables([power_table(rows, noise, options.seeds, problems, study.error_name)])
    known = {label: cost for label, cost in costs.items() if cost is not None}
    spent = ", ".join(f"{label} {cost:.3g}" for label, cost in known.items())
    if known:
        say(f"training and sampling FLOPs of all runs: {sum(known.values()):.3g} ({spent})")


def _check(options: argparse.Namespace) -> None:
    if options.wanted_difference is not None and options.wanted_multiplier is not None:
        raise InputError("one wanted effect at a time: --wanted-difference or --wanted-multiplier")
    if options.wanted_difference is not None and not 0 < options.wanted_difference < 1:
        raise InputError(f"--wanted-difference is a fraction between 0 and 1, not {options.wanted_difference:g}")
    if options.wanted_multiplier is not None and not 1 < options.wanted_multiplier < math.inf:
        raise InputError(f"--wanted-multiplier must be above 1, not {options.wanted_multiplier:g}")
    if options.negatives is not None and not 0 < options.negatives < math.inf:
        raise InputError(f"--negatives must be above 0, not {options.negatives:g}")


def _sizes(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"--sizes takes whole numbers separated by commas, not {text!r}")
    return [int(part) for part in parts]
