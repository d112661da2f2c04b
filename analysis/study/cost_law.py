"""The cost of a run as a function of N: FLOPs of training and sampling, and the price of teacher solutions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.arrays import Floats
from analysis.data.flops import flops
from analysis.data.results import Results
from analysis.errors import InputError


@dataclass(frozen=True)
class Prices:
    """Prices in FLOPs of training, so that one FLOP of training costs 1.

    Attributes:
        teacher: a problem with one teacher solution; further solutions of the same problem cost as much.
        sampling: a FLOP of sampling. It is above 1 where a GPU achieves fewer of them per second than in training.
    """

    teacher: float = 0.0
    sampling: float = 1.0


FREE_TEACHER = Prices()


@dataclass(frozen=True)
class CostLaw:
    """FLOPs(N) = each * N ** (1 + slope) + problem * N.

    Attributes:
        each: FLOPs per problem of training and sampling, extrapolated to N = 1; FLOPs of sampling count with their
            price.
        slope: of log FLOPs per problem against log N; 0 where a single size was run.
        scatter: root mean square of the fit's log residuals.
        problem: price of a problem with its teacher solutions, in FLOPs.
        solutions: teacher solutions per problem.
    """

    each: float
    slope: float
    scatter: float
    problem: float = 0.0
    solutions: float = 1.0

    def computed(self, size: npt.ArrayLike) -> Floats:
        """FLOPs of training and sampling at sizes N, of any shape; infinite at an infinite N."""
        with np.errstate(over="ignore"):
            return np.asarray(self.each * np.asarray(size, dtype=float) ** (1 + self.slope))

    def total(self, size: npt.ArrayLike) -> Floats:
        """The same with the teacher's solutions."""
        n = np.asarray(size, dtype=float)
        with np.errstate(over="ignore"):
            return np.asarray(self.computed(n) + (self.problem * n if self.problem else 0.0))

    def affords(self, budget: float, most: float) -> float:
        """The largest N up to `most` that costs `budget` FLOPs or less, by bisection; 1 at least."""
        low, high = 0.0, math.log(most)
        if float(self.total(most)) <= budget:
            return most
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if float(self.total(math.exp(middle))) <= budget else (low, middle)
        return math.exp(low)


def fit_cost(results: Results, label: str, prices: Prices = FREE_TEACHER) -> CostLaw:
    """`fit_row_costs` over a label's "size" runs.

    Raises:
        InputError: rows that do not record their FLOPs, or record none.
    """
    rows = results.rows
    return fit_row_costs(rows[(rows["figure"] == "size") & (rows["label"] == label)], label, prices)


def fit_row_costs(rows: pd.DataFrame, name: str, prices: Prices = FREE_TEACHER) -> CostLaw:
    """Least squares of log FLOPs per problem on log N, one point a row. Raises InputError as `fit_cost` does."""
    spent, sizes = flops(rows, prices.sampling).to_numpy(dtype=float), rows["problems"].to_numpy(dtype=float)
    if not (np.isfinite(spent) & (spent > 0)).all():
        raise InputError(f"rows of {name} do not record their cost (flops_training, flops_sampling)")
    solutions = float(np.mean(teacher_solutions(rows) / sizes))
    logs = np.log(sizes)
    each, slope = np.log(spent) - logs, 0.0
    if len(set(logs)) > 1:
        slope = float(np.cov(logs, each, bias=True)[0, 1] / np.var(logs))
    intercept = float(each.mean() - slope * logs.mean())
    scatter = float(np.sqrt(np.mean((each - intercept - slope * logs) ** 2)))
    return CostLaw(float(np.exp(intercept)), slope, scatter, prices.teacher * solutions, solutions)


def teacher_solutions(rows: pd.DataFrame) -> Floats:
    """(R,) the number of the teacher's solutions in each row's data; one per problem where rows do not say."""
    sizes = rows["problems"].to_numpy(dtype=float)
    if "demonstrations" not in rows:
        return sizes
    there = rows["demonstrations"].to_numpy(dtype=float)
    return np.where(np.isfinite(there), there, sizes)
