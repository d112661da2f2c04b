"""What the variance of an estimate is made of, by the delta method, and so what more seeds or test problems would do.

The mean error of a cell, over S seeds and P problems, varies with the seeds (beyond chance, as `bootstrap` has it),
with how hard the test problems are, and by chance in every single answer. The first falls as 1 / S, the second as
1 / P, the third as 1 / (S P). The first two are shared by cells of the same seeds and problems, the third is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import Cell
from analysis.stats.overdispersion import dispersion

Statistic = Callable[[Mapping[Any, Floats]], Floats]  # key -> errors (B,), to values (B,)
STEP = 0.1  # of a cell's standard deviation, for derivatives


class Parts(NamedTuple):
    """The variance of an estimate by what it comes from."""

    seeds: float
    problems: float
    chance: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.seeds + self.problems + self.chance


@dataclass(frozen=True)
class Components:
    """The covariance of K cells' mean errors.

    Attributes:
        keys: (K,) of the cells.
        error: (K,) their mean errors.
        count: (K,) their seeds.
        tested: P, test problems.
        by_seeds, by_problems: (K, K) what seeds and problems add.
        chance: (K,) what chance adds to the variance of a single seed's mean error.
    """

    keys: tuple[Any, ...]
    error: Floats
    count: Floats
    tested: int
    by_seeds: Floats
    by_problems: Floats
    chance: Floats

    def deviation(self) -> Floats:
        """(K,) standard deviation of each mean error."""
        variance = np.diag(self.by_seeds) + np.diag(self.by_problems) + self.chance / self.count
        return np.asarray(np.sqrt(variance))

    def parts(self, gradient: Floats) -> Parts:
        """The variance of an estimate with this gradient (K,) in the mean errors."""
        return Parts(
            max(0.0, float(gradient @ self.by_seeds @ gradient)),
            max(0.0, float(gradient @ self.by_problems @ gradient)),
            float((gradient**2 * self.chance / self.count).sum()),
        )

    def gradient(self, statistic: Statistic) -> Floats:
        """(K,) derivatives of a statistic in the mean errors, by central differences; NaN where it is undefined."""
        steps = STEP * self.deviation()
        moved = np.eye(len(self.keys)) * np.minimum(steps, np.minimum(self.error, 1 - self.error))
        errors = self.error + np.concatenate([moved, -moved])  # (2 K, K)
        values = statistic({key: errors[:, place] for place, key in enumerate(self.keys)})
        change = values[: len(self.keys)] - values[len(self.keys) :]
        widths = 2 * np.diag(moved)
        return np.asarray(np.where(widths > 0, change / np.where(widths > 0, widths, 1), 0.0))

    def with_seed(self, key: Any) -> Components:
        """After one seed more in a cell: it has less of every covariance over seeds, and less chance."""
        own = np.array([other == key for other in self.keys])
        share = np.where(own, self.count / (self.count + 1), 1.0)
        return replace(
            self, count=self.count + own, by_seeds=self.by_seeds * np.minimum(share[:, None], share[None, :])
        )

    def with_cell(self, key: Any, error: float, like: Collection[Any]) -> Components:
        """After a single run in a new cell, whose mean error is expected to be `error`.

        It varies as one run of the cells `like` would whose variance is scaled with error (1 - error), the median of
        them. Its problems are as correlated with every cell's as those of `like` are with each other on average; its
        seed is taken to be a fresh one.
        """
        own = np.array([other in like for other in self.keys])
        scale = error * (1 - error) / (self.error * (1 - self.error)).clip(1e-12)
        seeds = float(np.median((np.diag(self.by_seeds) * self.count * scale)[own]))
        problems = float(np.median((np.diag(self.by_problems) * scale)[own]))
        sd = np.sqrt(np.diag(self.by_problems))
        correlation = (self.by_problems / np.outer(sd, sd).clip(1e-300))[np.ix_(own, own)]
        others = own.sum() * (own.sum() - 1)
        mean = (correlation.sum() - np.trace(correlation)) / others if others else 0.0
        return Components(
            (*self.keys, key),
            np.append(self.error, error),
            np.append(self.count, 1.0),
            self.tested,
            _grown(self.by_seeds, np.zeros(len(sd)), seeds),
            _grown(self.by_problems, mean * sd * math.sqrt(problems), problems),
            np.append(self.chance, float(np.median((self.chance * scale)[own]))),
        )


def components(points: Mapping[Any, Cell]) -> Components:
    """The covariance of cells of the same test problems, of which seeds may be missing here and there."""
    cells = list(points.values())
    problems = cells[0].wrong.shape[1]
    count = np.array([len(cell.seeds) for cell in cells], dtype=float)
    by_problem = np.stack([cell.wrong.mean(axis=0) for cell in cells])  # (K, P)
    spread = (by_problem * (1 - by_problem)).mean(axis=1)
    # One seed does not tell chance from hardness: all counts as hardness then, which more seeds would not mend.
    chance = np.where(count > 1, spread * count / np.maximum(count - 1, 1), 0.0) / problems
    hardness = np.cov(by_problem, bias=True).reshape(len(cells), len(cells)) / problems
    np.fill_diagonal(hardness, np.maximum(np.diag(hardness) - chance / count, 0.0))
    seen = dispersion(cells)
    beyond = max(0.0, 1 - 1 / seen.ratio) if seen.df and seen.ratio > 0 else 0.0
    return Components(
        tuple(points),
        np.array([cell.error for cell in cells]),
        count,
        problems,
        beyond * _between_seeds(cells),
        hardness,
        chance,
    )


def _between_seeds(cells: list[Cell]) -> Floats:
    """(K, K) covariance over seeds of the cells' mean errors, each pair from the seeds that both have."""
    deviations = [dict(zip(cell.seeds, cell.wrong.mean(axis=1) - cell.wrong.mean(), strict=True)) for cell in cells]
    found = np.zeros((len(cells), len(cells)))
    for i, first in enumerate(deviations):
        for j, second in enumerate(deviations[: i + 1]):
            shared = set(first) & set(second)
            if len(shared) > 1:
                product = sum(first[seed] * second[seed] for seed in shared) / (len(shared) - 1)
                found[i, j] = found[j, i] = product * len(shared) / (len(first) * len(second))
    return found


def _grown(matrix: Floats, row: Floats, own: float) -> Floats:
    """A covariance (K, K) with one variable more: its covariances with the others (K,), and its variance."""
    return np.block([[matrix, row[:, None]], [row[None, :], np.array([[own]])]])
