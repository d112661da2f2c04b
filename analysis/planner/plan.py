"""The planner: what to run for a target error or a budget, and which run would narrow a multiplier most."""

from __future__ import annotations

from collections.abc import Callable

from analysis.data.cells import size_cells
from analysis.data.results import Results
from analysis.data.scans import Grid, grid, positives_grid
from analysis.defaults import DRAWS
from analysis.errors import InputError
from analysis.planner.costs import CostLaw, Rates, fit_cost
from analysis.planner.mix import Mix, fit_mix, mix_for_budget, mix_for_target
from analysis.planner.next_run import NextRun, next_runs
from analysis.planner.options import PAST, Candidate, Option, Plan, Refusal, for_budget, for_target, rank
from analysis.stats.bootstrap import resample
from analysis.study.curves import Curve, fit_curves

__all__ = ["NextRun", "Option", "Plan", "Rates", "Refusal", "next_runs", "plan_for_budget", "plan_for_target"]

Answer = Candidate | Refusal
SHOWN = 3  # labels whose reasons an error names


def plan_for_target(
    results: Results, target: float, problem: float = 0.0, extrapolate: bool = False, draws: int = DRAWS
) -> Plan:
    """The cheapest N of every label, and mix of every label with a grid, that reaches a target error; cheapest first.

    `problem` is what a problem with its teacher solution costs to get, in FLOPs; rows tell the rest.

    Raises:
        InputError: a target that is no error, no rows, rows without FLOPs, or no option at all (naming why).
    """
    if not 0 < target < 1:
        raise InputError(f"the target error must lie between 0 and 1, a fraction of the test problems, not {target:g}")
    return _plan(
        results,
        problem,
        draws,
        lambda curve, cost: for_target(curve, cost, target, extrapolate),
        lambda mix: mix_for_target(mix, target, extrapolate),
        f"an error of {target:g}",
    )


def plan_for_budget(
    results: Results, budget: float, problem: float = 0.0, extrapolate: bool = False, draws: int = DRAWS
) -> Plan:
    """The lowest error of every label, and mix of every label with a grid, for a budget in FLOPs; lowest first.

    `problem` is as in `plan_for_target`.

    Raises:
        InputError: a budget that is none, no rows, rows without FLOPs, or no option at all (naming why).
    """
    if not 0 < budget < float("inf"):
        raise InputError(f"the budget must be positive, not {budget:g}")
    return _plan(
        results,
        problem,
        draws,
        lambda curve, cost: for_budget(curve, cost, budget, extrapolate),
        lambda mix: mix_for_budget(mix, budget, extrapolate),
        f"a budget of {budget:.3g} FLOPs",
    )


def _plan(
    results: Results,
    problem: float,
    draws: int,
    ask: Callable[[Curve, CostLaw], Answer],
    ask_mix: Callable[[Mix], Answer],
    wanted: str,
) -> Plan:
    cells = size_cells(results)
    if not cells:
        raise InputError('no rows whose figure is "size": run a sweep over N first')
    curves, unfitted = fit_curves(cells, resample(cells, draws))
    found: list[Answer] = []
    for label, curve in curves.items():
        try:
            found.append(ask(curve, fit_cost(results, label, problem)))
        except InputError as error:
            found.append(Refusal(label, str(error)))
    for label, points in _grids(results):
        try:
            found.append(ask_mix(fit_mix(label, points, draws, problem)))
        except ValueError as error:
            found.append(Refusal(f"{label} with {points.kind}", str(error)))
    found += [Refusal(label, reason) for label, reason in unfitted.items()]
    plan = rank(found)
    if not plan.options:
        reasons = [f"{refusal.method}: {refusal.reason}" for refusal in plan.refused]
        more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        hint = " (--extrapolate goes past it)" if any(PAST in refusal.reason for refusal in plan.refused) else ""
        raise InputError(f"nothing fits {wanted}: {'; '.join(reasons[:SHOWN])}{more}{hint}")
    return plan


def _grids(results: Results) -> list[tuple[str, Grid]]:
    """Every label whose joint law has room: over negatives those of figure "grid", over positives rft."""
    labels = sorted(set(results.rows.loc[results.rows["figure"] == "grid", "method"]))
    found = [(label, grid(results, label)) for label in labels]
    found.append(("rft", positives_grid(results)))
    return [(label, points) for label, points in found if points is not None]
