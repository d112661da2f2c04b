"""Ways to spend: for every label the N that reaches a target error, or the error that a budget reaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.arrays import Floats
from analysis.defaults import LEVEL
from analysis.stats.bootstrap import open_interval
from analysis.study.cost_law import CostLaw
from analysis.study.curves import REACH, Curve, sizes_for
from analysis.study.outlook import Outlook

PAST = f"past {REACH}x its largest run"
FLAT = "its error does not fall with N"
PREDICTED = "beyond its runs: predicted, interval of a new run"
FAR = 1e15  # a law that reaches an error only beyond this N counts as not reaching it
ROUNDING = 1e-9  # relative, of an N: inverting a law at its predicted error should return the whole number

Ahead = Callable[[], Outlook | None]  # computed only where it is needed, since a prediction takes seconds


def unknown() -> Outlook | None:
    """No prediction for larger runs."""
    return None


@dataclass(frozen=True)
class Option:
    """One way to spend.

    Attributes:
        method: the label.
        problems: N.
        positives, negatives: total self-generated, where the joint law chose the mix; None where the label's
            settings apply.
        error, error_low, error_high: predicted test error at that N, a fraction, with 95 % interval.
        flops, flops_low, flops_high: its cost; for a target the interval covers the N that the draws' laws need (an
            end is None where some draws never reach the target); for a budget the cost of that N is known.
        best: share of bootstrap draws in which no other option was cheaper (for a target) or better (for a budget).
        extrapolated: N (or M) exceeds 4x the largest run.
        note: remarks.
    """

    method: str
    problems: int
    positives: int | None
    negatives: int | None
    error: float
    error_low: float
    error_high: float
    flops: float
    flops_low: float | None
    flops_high: float | None
    best: float
    extrapolated: bool
    note: str = ""


@dataclass(frozen=True)
class Refusal:
    """A label that is not an option, and the reason."""

    method: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """An option with the quantity that ranks it (lower is better): FLOPs for a target, error for a budget.

    Attributes:
        value: by the fitted law.
        draws: (B,) by each draw's law; infinite where it does not reach the target.
    """

    option: Option
    value: float
    draws: Floats


@dataclass(frozen=True)
class Plan:
    """The options, best first, and the labels that are not options."""

    options: tuple[Option, ...]
    refused: tuple[Refusal, ...]


def rank(answers: Sequence[Candidate | Refusal]) -> Plan:
    """The candidates sorted by value, each with the share of draws in which it is best.

    A draw that is infinite for all candidates has no winner.
    """
    candidates = sorted((one for one in answers if isinstance(one, Candidate)), key=lambda one: one.value)
    refused = tuple(one for one in answers if isinstance(one, Refusal))
    if not candidates:
        return Plan((), refused)
    draws = np.stack([one.draws for one in candidates])  # (options, B)
    winner = np.where(np.isfinite(draws).any(axis=0), draws.argmin(axis=0), -1)
    shares = [float(np.mean(winner == place)) for place in range(len(candidates))]
    return Plan(tuple(replace(one.option, best=share) for one, share in zip(candidates, shares, strict=True)), refused)


def for_target(
    curve: Curve, cost: CostLaw, target: float, extrapolate: bool = False, outlook: Ahead = unknown
) -> Candidate | Refusal:
    """The smallest N at which the label reaches a target error, at its smallest run or above.

    Within its runs that is by its law; beyond them by `outlook`, the prediction for larger runs, where there is one.
    """
    law, smallest, largest = curve.baseline_law.law, curve.sizes[0], curve.sizes[-1]
    size, note = smallest, "its smallest run reaches it"
    sizes = np.maximum(sizes_for(curve, target), smallest)
    errors: Floats | None = None
    if float(law.predict(smallest)) > target:
        try:
            needed, note = float(law.invert(target)), ""
        except ValueError:
            return Refusal(curve.label, FLAT)
        if needed > FAR:
            return Refusal(curve.label, f"its law never reaches it (at N = {number(FAR)}: {law.predict(FAR):.3g})")
        ahead = outlook() if largest < needed <= REACH * largest else None
        if ahead is not None:
            reached = ahead.reached(target, len(sizes))
            if np.isfinite(reached[0]):
                needed, sizes, note = float(reached[0]), reached[1:], PREDICTED
                errors = ahead.errors(min(math.ceil(needed), REACH * largest), len(sizes))
            elif not extrapolate:
                return Refusal(curve.label, f"is predicted to need more than N = {number(REACH * largest)}, {PAST}")
        if needed > REACH * largest and not extrapolate:
            return Refusal(curve.label, f"needs N = {number(needed)}, {PAST} (N = {largest})")
        size = math.ceil(needed * (1 - ROUNDING))
    sizes = np.where(sizes > (FAR if extrapolate else REACH * largest), np.inf, sizes)
    spent, flops = cost.total(sizes), float(cost.total(size))
    low, high = open_interval(spent)
    return Candidate(_option(curve, size, (flops, low, high), note, errors), flops, spent)


def for_budget(
    curve: Curve, cost: CostLaw, budget: float, extrapolate: bool = False, outlook: Ahead = unknown
) -> Candidate | Refusal:
    """The N with the lowest predicted error within a budget of FLOPs; `outlook` is as in `for_target`."""
    law, smallest, largest = curve.baseline_law.law, curve.sizes[0], curve.sizes[-1]
    least = float(cost.total(smallest))
    if least > budget * (1 + ROUNDING):
        return Refusal(curve.label, f"its smallest run (N = {smallest}) costs {least:.3g} FLOPs, more than the budget")
    affords, note = cost.affords(budget * (1 + ROUNDING), FAR), ""
    size = math.floor(affords * (1 + ROUNDING))
    if float(law.predict(2 * smallest)) >= float(law.predict(smallest)):
        size, note = smallest, f"{FLAT}: its smallest run"
    elif size > REACH * largest and not extrapolate:
        size, note = REACH * largest, f"the budget affords N = {number(affords)}; held at {REACH}x its largest run"
    flops = float(cost.total(size))
    errors = curve.baseline_law.errors_at(size)
    ahead = outlook() if largest < size <= REACH * largest else None
    if ahead is not None:
        errors = ahead.errors(size, len(errors) - 1)
        note = f"{note}; {PREDICTED}" if note else PREDICTED
    option = _option(curve, size, (flops, flops, flops), note, errors)
    return Candidate(option, option.error, errors[1:])


def number(size: float) -> str:
    """E.g. 12,800, or 3.2e+09 from ten million on."""
    return f"{size:,.0f}" if size < 1e7 else f"{size:.1e}"


def _option(
    curve: Curve, size: int, flops: tuple[float, float | None, float | None], note: str, errors: Floats | None = None
) -> Option:
    """The option of N problems, at (FLOPs, low, high), with errors (1 + B,) by its law unless given."""
    errors = np.minimum(curve.baseline_law.errors_at(size) if errors is None else errors, 1.0)
    low, high = np.quantile(errors[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Option(
        curve.label,
        size,
        None,
        None,
        float(errors[0]),
        float(low),
        float(high),
        *flops,
        0.0,
        size > REACH * curve.sizes[-1],
        note,
    )
