"""Variance components of an estimate, by the delta method: seeds, test problems and chance.

They predict how far more seeds or more test problems would narrow an interval.

The mean error of a cell, over S seeds and P problems, varies with the seeds (beyond chance, as in `bootstrap`), with
the difficulty of the test problems, and by chance in every single answer. The first falls as 1 / S, the second as
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
from analysis.stats.overdispersion import overdispersion

Statistic = Callable[[Mapping[Any, Floats]], Floats]  # key -> errors (B,), to values (B,)
STEP = 0.1  # of a cell's standard deviation, for derivatives


class VarianceComponents(NamedTuple):
    """The variance of an estimate by its source."""

    seeds: float
    problems: float
    chance: float

    @property
    def total(self) -> float:
        """The variance."""
        return self.seeds + self.problems + self.chance


@dataclass(frozen=True)
class CellCovariance:
    """The covariance of K cells' mean errors.

    Attributes:
        keys: (K,) of the cells.
        error: (K,) their mean errors.
        count: (K,) their seeds.
        tested: (K,) independent answers of one seed to the P test problems (see `Cell.independent`), P if greedy.
        by_seeds, by_problems: (K, K) the covariance due to seeds and to problems.
        chance: (K,) the variance of a single seed's mean error that is due to chance.
    """

    keys: tuple[Any, ...]
    error: Floats
    count: Floats
    tested: Floats
    by_seeds: Floats
    by_problems: Floats
    chance: Floats

    def deviation(self) -> Floats:
        """(K,) standard deviation of each mean error."""
        variance = np.diag(self.by_seeds) + np.diag(self.by_problems) + self.chance / self.count
        return np.asarray(np.sqrt(variance))

    def components(self, gradient: Floats) -> VarianceComponents:
        """The variance components of an estimate with this gradient (K,) in the mean errors."""
        return VarianceComponents(
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

    def with_seed(self, key: Any) -> CellCovariance:
        """The covariance after one more seed in a cell, which reduces its covariances over seeds and its chance."""
        same = np.array([other == key for other in self.keys])
        share = np.where(same, self.count / (self.count + 1), 1.0)
        return replace(
            self, count=self.count + same, by_seeds=self.by_seeds * np.minimum(share[:, None], share[None, :])
        )

    def with_cell(self, key: Any, error: float, like: Collection[Any]) -> CellCovariance:
        """The covariance after a single run in a new cell, whose mean error is expected to be `error`.

        Its variance is the median of those of the cells `like`, each scaled with error (1 - error). Its problems are as
        correlated with those of every cell as those of `like` are with each other on average; its seed is new.
        """
        alike = np.array([other in like for other in self.keys])
        scale = error * (1 - error) / (self.error * (1 - self.error)).clip(1e-12)
        seeds = float(np.median((np.diag(self.by_seeds) * self.count * scale)[alike]))
        problems = float(np.median((np.diag(self.by_problems) * scale)[alike]))
        sd = np.sqrt(np.diag(self.by_problems))
        correlation = (self.by_problems / np.outer(sd, sd).clip(1e-300))[np.ix_(alike, alike)]
        others = alike.sum() * (alike.sum() - 1)
        mean = (correlation.sum() - np.trace(correlation)) / others if others else 0.0
        return CellCovariance(
            (*self.keys, key),
            np.append(self.error, error),
            np.append(self.count, 1.0),
            np.append(self.tested, np.median(self.tested[alike])),
            _grown(self.by_seeds, np.zeros(len(sd)), seeds),
            _grown(self.by_problems, mean * sd * math.sqrt(problems), problems),
            np.append(self.chance, float(np.median((self.chance * scale)[alike]))),
        )


def cell_covariance(points: Mapping[Any, Cell]) -> CellCovariance:
    """The covariance of cells with the same test problems; some cells may lack some seeds."""
    cells = list(points.values())
    problems = cells[0].wrong.shape[1]
    count = np.array([len(cell.seeds) for cell in cells], dtype=float)
    by_problem = np.stack([cell.wrong.mean(axis=0) for cell in cells])  # (K, P)
    spread = np.stack([cell.spread for cell in cells]).mean(axis=1)
    # One seed cannot separate chance from difficulty: all counts as difficulty, which more seeds would not reduce.
    chance = np.where(count > 1, spread * count / np.maximum(count - 1, 1), 0.0) / problems
    hardness = np.cov(by_problem, bias=True).reshape(len(cells), len(cells)) / problems
    np.fill_diagonal(hardness, np.maximum(np.diag(hardness) - chance / count, 0.0))
    seen = overdispersion(cells)
    beyond = max(0.0, 1 - 1 / seen.ratio) if seen.df and seen.ratio > 0 else 0.0
    return CellCovariance(
        tuple(points),
        np.array([cell.error for cell in cells]),
        count,
        np.array([cell.independent for cell in cells]) / count,
        beyond * _between_seeds(cells),
        hardness,
        chance,
    )


def _between_seeds(cells: list[Cell]) -> Floats:
    """(K, K) covariance over seeds of the cells' mean errors; each pair uses the seeds that both have."""
    deviations = [dict(zip(cell.seeds, cell.wrong.mean(axis=1) - cell.wrong.mean(), strict=True)) for cell in cells]
    matrix = np.zeros((len(cells), len(cells)))
    for i, first in enumerate(deviations):
        for j, second in enumerate(deviations[: i + 1]):
            shared = set(first) & set(second)
            if len(shared) > 1:
                product = sum(first[seed] * second[seed] for seed in shared) / (len(shared) - 1)
                matrix[i, j] = matrix[j, i] = product * len(shared) / (len(first) * len(second))
    return matrix


def _grown(matrix: Floats, row: Floats, variance: float) -> Floats:
    """A covariance (K, K) extended by one variable: its covariances with the others (K,), and its variance."""
    return np.block([[matrix, row[:, None]], [row[None, :], np.array([[variance]])]])
