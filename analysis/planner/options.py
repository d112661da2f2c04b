"""Ways to spend: for every label the N that reaches a target error, or the error that a budget reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.arrays import Floats
from analysis.defaults import LEVEL
from analysis.planner.costs import CostLaw
from analysis.study.curves import Curve

REACH = 4  # times the largest run: the limit of extrapolation unless asked for more
PAST = f"past {REACH}x its largest run"
FLAT = "its error does not fall with N"
FAR = 1e15  # a law that reaches an error only beyond this N counts as not reaching it
ROUNDING = 1e-9  # relative, of an N: inverting a law at its predicted error should return the whole number


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


def for_target(curve: Curve, cost: CostLaw, target: float, extrapolate: bool = False) -> Candidate | Refusal:
    """The smallest N at which the label's law reaches a target error, at its smallest run or above."""
    law, smallest, largest = curve.baseline_law.law, curve.sizes[0], curve.sizes[-1]
    size, note = smallest, "its smallest run reaches it"
    if float(law.predict(smallest)) > target:
        try:
            needed, note = float(law.invert(target)), ""
        except ValueError:
            return Refusal(curve.label, FLAT)
        if needed > FAR:
            return Refusal(curve.label, f"its law never reaches it (at N = {number(FAR)}: {law.predict(FAR):.3g})")
        if needed > REACH * largest and not extrapolate:
            return Refusal(curve.label, f"needs N = {number(needed)}, {PAST} (N = {largest})")
        size = math.ceil(needed * (1 - ROUNDING))
    sizes = np.maximum(_sizes_for(curve, target), smallest)
    sizes = np.where(sizes > (FAR if extrapolate else REACH * largest), np.inf, sizes)
    spent, flops = cost.total(sizes), float(cost.total(size))
    low, high = interval(spent)
    return Candidate(_option(curve, size, (flops, low, high), note), flops, spent)


def for_budget(curve: Curve, cost: CostLaw, budget: float, extrapolate: bool = False) -> Candidate | Refusal:
    """The N with the lowest predicted error within a budget of FLOPs."""
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
    option = _option(curve, size, (flops, flops, flops), note)
    return Candidate(option, option.error, _errors_at(curve, size))


def interval(draws: Floats) -> tuple[float | None, float | None]:
    """95 % interval of draws (B,) that may be infinite; None for an end that is."""
    tail = (1 - LEVEL) / 2
    # Without interpolation, which is undefined between finite and infinite values.
    low, high = np.quantile(draws, tail, method="lower"), np.quantile(draws, 1 - tail, method="higher")
    return (float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None)


def number(size: float) -> str:
    """E.g. 12,800, or 3.2e+09 from ten million on."""
    return f"{size:,.0f}" if size < 1e7 else f"{size:.1e}"


def _option(curve: Curve, size: int, flops: tuple[float, float | None, float | None], note: str) -> Option:
    """The option of N problems, at (FLOPs, low, high)."""
    low, high = np.quantile(_errors_at(curve, size), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Option(
        curve.label,
        size,
        None,
        None,
        min(float(curve.baseline_law.law.predict(size)), 1.0),
        min(float(low), 1.0),
        min(float(high), 1.0),
        *flops,
        0.0,
        size > REACH * curve.sizes[-1],
        note,
    )


def _errors_at(curve: Curve, size: int) -> Floats:
    """Error at N by each draw's law, (B,)."""
    return curve.baseline_law.predict([size])[:, 0]


def _sizes_for(curve: Curve, target: float) -> Floats:
    """The N at which each draw's law reaches an error, (B,); infinite where it does not."""
    there = _errors_at(curve, curve.sizes[0]) <= target  # at the smallest run already
    logs = curve.baseline_law.log_reached(np.full(len(there), target))
    # A law that does not fall reaches the error at the smallest run or nowhere.
    reached = np.where(curve.baseline_law.falls, np.exp(logs), np.inf)
    return np.asarray(np.where(there, curve.sizes[0], reached))
