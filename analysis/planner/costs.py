"""The cost of a run: a label's training and sampling FLOPs against N, and FLOPs as GPU hours and money."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats
from analysis.data.flops import flops
from analysis.data.results import Results
from analysis.errors import InputError


@dataclass(frozen=True)
class CostLaw:
    """FLOPs(N) = each * N ** (1 + slope) + problem * N.

    Attributes:
        each: FLOPs per problem of training and sampling, extrapolated to N = 1.
        slope: of log FLOPs per problem against log N; 0 where a single size was run.
        scatter: root mean square of the fit's log residuals.
        problem: cost of acquiring a problem with its teacher solution, in FLOPs; rows do not record it.
    """

    each: float
    slope: float
    scatter: float
    problem: float = 0.0

    def total(self, size: npt.ArrayLike) -> Floats:
        """FLOPs at sizes N, of any shape; infinite at an infinite N."""
        n = np.asarray(size, dtype=float)
        with np.errstate(over="ignore"):
            return np.asarray(self.each * n ** (1 + self.slope) + (self.problem * n if self.problem else 0.0))

    def affords(self, budget: float, most: float) -> float:
        """The largest N up to `most` that costs `budget` FLOPs or less, by bisection; 1 at least."""
        low, high = 0.0, math.log(most)
        if float(self.total(most)) <= budget:
            return most
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if float(self.total(math.exp(middle))) <= budget else (low, middle)
        return math.exp(low)


@dataclass(frozen=True)
class Rates:
    """FLOPs per second of one GPU, and the price of a GPU hour; None where not given."""

    flops_per_second: float | None = None
    money_per_hour: float | None = None

    def hours(self, spent: float) -> float | None:
        """GPU hours of `spent` FLOPs."""
        return spent / (3600 * self.flops_per_second) if self.flops_per_second else None

    def money(self, spent: float) -> float | None:
        """Price of `spent` FLOPs."""
        hours = self.hours(spent)
        return hours * self.money_per_hour if hours is not None and self.money_per_hour else None


def fit_cost(results: Results, label: str, problem: float = 0.0) -> CostLaw:
    """Least squares of log FLOPs per problem on log N over a label's "size" runs, one point a run.

    Raises:
        InputError: rows that do not record their FLOPs, or record none.
    """
    rows = results.rows
    rows = rows[(rows["figure"] == "size") & (rows["label"] == label)]
    spent, sizes = flops(rows).to_numpy(), rows["problems"].to_numpy(dtype=float)
    if not (np.isfinite(spent) & (spent > 0)).all():
        raise InputError(f"rows of {label} do not record their cost (flops_training, flops_sampling)")
    each, logs = np.log(spent / sizes), np.log(sizes)
    slope = 0.0
    if len(set(sizes)) > 1:
        slope = float(np.cov(logs, each, bias=True)[0, 1] / np.var(logs))
    intercept = float(each.mean() - slope * logs.mean())
    scatter = float(np.sqrt(np.mean((each - intercept - slope * logs) ** 2)))
    return CostLaw(float(np.exp(intercept)), slope, scatter, problem)
