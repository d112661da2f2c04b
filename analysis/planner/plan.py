"""The planner: the best runs for a target error or a budget."""

from __future__ import annotations

from collections.abc import Callable

from analysis.errors import InputError
from analysis.planner.costs import Rates
from analysis.planner.mix import Mix, fit_mix, mix_for_budget, mix_for_target
from analysis.planner.next_run import NextRun, next_runs
from analysis.planner.options import PAST, Candidate, Option, Plan, Refusal, for_budget, for_target, rank
from analysis.study.cost_law import FREE_TEACHER, CostLaw, Prices, fit_cost
from analysis.study.curves import Curve
from analysis.study.grids import GridStudy
from analysis.study.study import Study

__all__ = ["NextRun", "Option", "Plan", "Rates", "Refusal", "next_runs", "plan_for_budget", "plan_for_target"]

Answer = Candidate | Refusal
SHOWN = 3  # how many labels' reasons an error message gives


def plan_for_target(study: Study, target: float, prices: Prices = FREE_TEACHER, extrapolate: bool = False) -> Plan:
    """The cheapest N of every label, and mix of every label with a grid, that reaches a target error; cheapest first.

    FLOPs of the rows and the teacher's solutions have these `prices`.

    Raises:
        InputError: a target outside (0, 1), no rows, rows without FLOPs, or no option (naming the reasons).
    """
    if not 0 < target < 1:
        raise InputError(f"the target error must lie between 0 and 1, a fraction of the test problems, not {target:g}")
    return _plan(
        study,
        prices,
        lambda curve, cost: for_target(curve, cost, target, extrapolate, lambda: study.outlook(curve.label)),
        lambda mix: mix_for_target(mix, target, extrapolate),
        f"an error of {target:g}",
    )


def plan_for_budget(study: Study, budget: float, prices: Prices = FREE_TEACHER, extrapolate: bool = False) -> Plan:
    """The lowest error of every label, and mix of every label with a grid, for a budget in FLOPs; lowest first.

    `prices` are as in `plan_for_target`.

    Raises:
        InputError: a budget that is not positive, no rows, rows without FLOPs, or no option (naming the reasons).
    """
    if not 0 < budget < float("inf"):
        raise InputError(f"the budget must be positive, not {budget:g}")
    return _plan(
        study,
        prices,
        lambda curve, cost: for_budget(curve, cost, budget, extrapolate, lambda: study.outlook(curve.label)),
        lambda mix: mix_for_budget(mix, budget, extrapolate),
        f"a budget of {budget:.3g} FLOPs",
    )


def _plan(
    study: Study,
    prices: Prices,
    ask: Callable[[Curve, CostLaw], Answer],
    ask_mix: Callable[[Mix], Answer],
    wanted: str,
) -> Plan:
    study.require_cells()
    answers: list[Answer] = []
    for label, curve in study.curves.items():
        try:
            answers.append(ask(curve, fit_cost(study.results, label, prices)))
        except InputError as error:
            answers.append(Refusal(label, str(error)))
    for label, points in _grids(study):
        try:
            answers.append(ask_mix(fit_mix(label, points, prices)))
        except ValueError as error:
            answers.append(Refusal(f"{label} with {points.grid.kind}", str(error)))
    answers += [Refusal(label, reason) for label, reason in study.unfitted.items()]
    plan = rank(answers)
    if not plan.options:
        reasons = [f"{refusal.method}: {refusal.reason}" for refusal in plan.refused]
        more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        hint = " (--extrapolate allows it)" if any(PAST in refusal.reason for refusal in plan.refused) else ""
        raise InputError(f"nothing fits {wanted}: {'; '.join(reasons[:SHOWN])}{more}{hint}")
    return plan


def _grids(study: Study) -> list[tuple[str, GridStudy]]:
    """Every label whose joint law has enough points: over negatives those of figure "grid", over positives rft."""
    positives = study.positives_grid
    return [*study.grids.items(), *([] if positives is None else [("rft", positives)])]
