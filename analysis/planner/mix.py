"""The cheapest mix of problems with self-generated negatives or positives, where a label's joint law can be fitted.

The law is E + A (P + kappa M)^-alpha for P problems and M added negatives or positives; a run costs c P + d M. With r
added per problem, both the effective data (1 + kappa r) P and the cost (c + d r) P are proportional to P, so the data
per FLOP is monotonic in r: the best r is the largest, or the smallest, that was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.arrays import Floats
from analysis.data.scans import Kind
from analysis.errors import InputError
from analysis.planner.options import FAR, PAST, ROUNDING, Candidate, Option, Refusal, number
from analysis.stats.bootstrap import open_interval
from analysis.study.cost_law import FREE_TEACHER, Prices
from analysis.study.curves import REACH
from analysis.study.grids import GridStudy


@dataclass(frozen=True)
class Mix:
    """A label's joint law with its cost, at the most efficient number added per problem.

    Attributes:
        label, kind: the label, and the kind of data it adds.
        floor, amplitude, exponent, kappa: of the law of all seeds.
        draws: (B, 4) the same of every draw.
        ratio: r, added per problem.
        each: FLOPs per problem including its added data.
        smallest, largest: the measured range of P.
        most_added: the largest measured M.
        misfit: chi-squared of the law over its degrees of freedom: 1 for chance alone; NaN without any.
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
        effective = np.maximum(
            1 + kappa * self.ratio, 1e-12
        )  # 0 where the added data hurts so much that nothing is learned
        return np.asarray(np.minimum(1.0, floor + amplitude * (problems * effective) ** -exponent))

    def problems(self, error: float) -> float:
        """The P at which the law reaches an error; infinite at or below the floor, or where the law does not fall."""
        parameters = np.array([[self.floor, self.amplitude, self.exponent, self.kappa]])
        return float(self._problems(parameters, error)[0])

    def drawn_problems(self, error: float) -> Floats:
        """The same by every draw, (B,)."""
        return self._problems(self.draws, error)

    def _problems(self, parameters: Floats, error: float) -> Floats:
        floor, amplitude, exponent, kappa = parameters.T
        effective = 1 + kappa * self.ratio
        falls = (exponent > 0) & (error > floor) & (effective > 0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            data = (np.where(falls, error - floor, 1) / amplitude) ** (-1 / exponent)
        return np.asarray(np.where(falls, data / np.where(falls, effective, 1), np.inf))


def fit_mix(label: str, study: GridStudy, prices: Prices = FREE_TEACHER) -> Mix:
    """A label's joint law from its grid, with its cost fitted by least squares of relative residuals.

    FLOPs and the teacher's solutions, one per problem, have these `prices`.

    Raises:
        InputError: rows that do not record their FLOPs, or runs that add nothing.
        ValueError: points that the joint law cannot be fitted to.
    """
    grid = study.grid
    mask = grid.is_label
    spent = (grid.flops + (prices.sampling - 1) * grid.flops_sampling)[mask]
    problems, added = grid.problems[mask], grid.added[mask]
    if not (np.isfinite(spent) & (spent > 0)).all():
        raise InputError(f"rows of {label} do not record their cost (flops_training, flops_sampling)")
    if not added.any():
        raise InputError(f"no run of {label} used any {grid.kind}")
    each = _fit_cost(problems / spent, added / spent)
    fit = study.fit
    law, spare = fit.law, len(fit.residuals) - fit.free
    paid = each + np.array([prices.teacher, 0.0])
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
    """The cheapest mix that reaches a target error, at the smallest measured P or above."""
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
    return Candidate(_option(mix, size, flops, *open_interval(spent)), flops, spent)


def mix_for_budget(mix: Mix, budget: float, extrapolate: bool = False) -> Candidate | Refusal:
    """The mix with the lowest error within a budget of FLOPs."""
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
    """Non-negative (c, d) for which c problems + d added, each (K,), is closest to 1 in least squares."""
    both = np.stack([problems, added], axis=1)
    solution = np.linalg.lstsq(both, np.ones(len(both)), rcond=None)[0]
    if (solution >= 0).all():
        return np.asarray(solution)
    alone = [values.sum() / (values @ values) for values in (problems, added)]  # least squares in one of them
    losses = [np.sum((values * value - 1) ** 2) for values, value in zip((problems, added), alone, strict=True)]
    return np.array([alone[0], 0.0]) if losses[0] <= losses[1] else np.array([0.0, alone[1]])


def _limit(mix: Mix) -> float:
    """The largest P at which neither P nor M exceeds 4x its measured range."""
    of_added = mix.most_added / mix.ratio if mix.ratio > 0 else math.inf
    return REACH * min(mix.largest, of_added)


def _name(mix: Mix) -> str:
    return f"{mix.label}, {mix.ratio:.1f} {mix.kind} per problem"


def _option(mix: Mix, size: int, flops: float, low: float | None, high: float | None, note: str = "") -> Option:
    error_low, error_high = open_interval(mix.errors(size))
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
