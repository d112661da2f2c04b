"""The cheapest mix of problems with self-generated negatives or positives, where a label's joint law can be fitted.

The law is E + A (P + kappa M)^-alpha, for P problems and M of what is added, and a run costs c P + d M. At r added a
problem both the effective data (1 + kappa r) P and the cost (c + d r) P are proportional to P, so the data bought per
FLOP rises or falls with r throughout: the best r is the most, or the fewest, that was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.arrays import Floats
from analysis.data.scans import Kind
from analysis.errors import InputError
from analysis.planner.options import FAR, PAST, REACH, ROUNDING, Candidate, Option, Refusal, interval, number
from analysis.study.grids import GridStudy


@dataclass(frozen=True)
class Mix:
    """A label's joint law with its cost, at the number added a problem that buys most.

    Attributes:
        label, kind: the label, and what it adds.
        floor, amplitude, exponent, kappa: of the law of all seeds.
        draws: (B, 4) the same of every draw.
        ratio: r, added a problem.
        each: FLOPs a problem with what is added to it.
        smallest, largest: the range of P measured.
        most_added: the most M measured.
        misfit: of the law, chi-squared over its degrees of freedom: 1 for chance alone; NaN without any.
        scatter: root mean square of the cost's relative residuals.
    """

    label: str
    kind: Kind
    floor: float
    amplitude: float
    exponent: float
    kappa: float
    draws: Floats
    ratio: float
    each: float
    smallest: int
    largest: int
    most_added: float
    misfit: float
    scatter: float

    def error(self, problems: float) -> float:
        """Error at P problems with `ratio` added to each."""
        return min(1.0, self.floor + self.amplitude * (problems * (1 + self.kappa * self.ratio)) ** -self.exponent)

    def errors(self, problems: float) -> Floats:
        """The same by every draw, (B,)."""
        floor, amplitude, exponent, kappa = self.draws.T
        worth = np.maximum(1 + kappa * self.ratio, 1e-12)  # where what is added hurts so much, nothing is learned
        return np.asarray(np.minimum(1.0, floor + amplitude * (problems * worth) ** -exponent))

    def problems(self, error: float) -> float:
        """The P that reaches an error; infinite at or below the floor, or where the law does not fall."""
        parameters = np.array([[self.floor, self.amplitude, self.exponent, self.kappa]])
        return float(self._problems(parameters, error)[0])

    def drawn_problems(self, error: float) -> Floats:
        """The same by every draw, (B,)."""
        return self._problems(self.draws, error)

    def _problems(self, parameters: Floats, error: float) -> Floats:
        floor, amplitude, exponent, kappa = parameters.T
        worth = 1 + kappa * self.ratio
        falls = (exponent > 0) & (error > floor) & (worth > 0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            data = (np.where(falls, error - floor, 1) / amplitude) ** (-1 / exponent)
        return np.asarray(np.where(falls, data / np.where(falls, worth, 1), np.inf))


def fit_mix(label: str, study: GridStudy, problem: float = 0.0) -> Mix:
    """Fit a label's grid: its joint law by likelihood with all draws, its cost by least relative squares.

    `problem` is what a problem with its teacher solution costs to get, in FLOPs.

    Raises:
        InputError: rows that do not tell their FLOPs, or runs that add nothing.
        ValueError: points that the joint law cannot be fitted to.
    """
    grid = study.grid
    spent, own = grid.flops[grid.own], grid.own
    problems, added = grid.problems[own], grid.added[own]
    if not (np.isfinite(spent) & (spent > 0)).all():
        raise InputError(f"rows of {label} do not tell what they cost (flops_training, flops_sampling)")
    if not added.any():
        raise InputError(f"no run of {label} used any {grid.kind}")
    each = _fit_cost(problems / spent, added / spent)
    fit = study.fit
    law, spare = fit.law, len(fit.residuals) - fit.free
    paid = each + np.array([problem, 0.0])
    ratios = added / problems
    ratio = max(ratios.min(), ratios.max(), key=lambda r: (1 + law.kappa * r) / (paid @ [1, r]))
    residuals = (problems * each[0] + added * each[1]) / spent - 1
    return Mix(
        label,
        grid.kind,
        law.floor,
        law.amplitude,
        law.exponent,
        law.kappa,
        study.parameters,
        float(ratio),
        float(paid @ [1, ratio]),
        int(problems.min()),
        int(problems.max()),
        float(added.max()),
        float(np.square(fit.residuals).sum()) / spare if spare > 0 else math.nan,
        float(np.sqrt(np.mean(residuals**2))),
    )


def mix_for_target(mix: Mix, target: float, extrapolate: bool = False) -> Candidate | Refusal:
    """The cheapest mix that reaches a target error, from the smallest P measured on."""
    least = mix.smallest
    needed = max(mix.problems(target), least)
    if needed > FAR:
        return Refusal(_name(mix), f"its law does not fall to an error of {target:g} (floor {mix.floor:.3g})")
    if needed > _limit(mix) and not extrapolate:
        return Refusal(_name(mix), f"needs {number(needed)} problems, {PAST}")
    size = math.ceil(needed * (1 - ROUNDING))
    sizes = np.maximum(mix.drawn_problems(target), least)
    spent = mix.each * np.where(sizes > (FAR if extrapolate else _limit(mix)), np.inf, sizes)
    flops = mix.each * size
    return Candidate(_option(mix, size, flops, *interval(spent)), flops, spent)


def mix_for_budget(mix: Mix, budget: float, extrapolate: bool = False) -> Candidate | Refusal:
    """The mix with the lowest error that a budget of FLOPs affords."""
    if mix.each * mix.smallest > budget * (1 + ROUNDING):
        cost = mix.each * mix.smallest
        return Refusal(_name(mix), f"its smallest run costs {cost:.3g} FLOPs, more than the budget")
    size, note = math.floor(budget / mix.each * (1 + ROUNDING)), ""
    if mix.exponent <= 0:
        size, note = mix.smallest, "its error does not fall: its smallest run"
    elif size > _limit(mix) and not extrapolate:
        note = f"the budget affords {number(size)} problems; held at {REACH}x its largest run"
        size = math.floor(_limit(mix))
    flops = mix.each * size
    option = _option(mix, size, flops, flops, flops, note)
    return Candidate(option, option.error, mix.errors(size))


def _fit_cost(problems: Floats, added: Floats) -> Floats:
    """Non-negative (c, d) with c problems + d added nearest to 1 in least squares, from (K,) each."""
    both = np.stack([problems, added], axis=1)
    found = np.linalg.lstsq(both, np.ones(len(both)), rcond=None)[0]
    if (found >= 0).all():
        return np.asarray(found)
    alone = [values.sum() / (values @ values) for values in (problems, added)]  # least squares in one of them
    losses = [np.sum((values * value - 1) ** 2) for values, value in zip((problems, added), alone, strict=True)]
    return np.array([alone[0], 0.0]) if losses[0] <= losses[1] else np.array([0.0, alone[1]])


def _limit(mix: Mix) -> float:
    """The most problems before P or M passes 4x what was measured."""
    of_added = mix.most_added / mix.ratio if mix.ratio > 0 else math.inf
    return REACH * min(mix.largest, of_added)


def _name(mix: Mix) -> str:
    return f"{mix.label}, {mix.ratio:.1f} {mix.kind} a problem"


def _option(mix: Mix, size: int, flops: float, low: float | None, high: float | None, note: str = "") -> Option:
    error_low, error_high = interval(mix.errors(size))
    assert error_low is not None and error_high is not None, "errors are at most 1"
    known = f"joint law, kappa = {mix.kappa:.2f}, misfit {mix.misfit:.1f}; cost within {100 * mix.scatter:.0f} %"
    return Option(
        _name(mix),
        size,
        round(size * mix.ratio) if mix.kind == "positives" else None,
        round(size * mix.ratio) if mix.kind == "negatives" else None,
        mix.error(size),
        error_low,
        error_high,
        flops,
        low,
        high,
        0.0,
        size > _limit(mix),
        f"{known}; {note}" if note else known,
    )
