"""Overdispersion: whether runs of one setting that differ only in the seed vary by more than chance.

Within a cell every seed answers the same test problems. If every seed answers a problem incorrectly with the same
probability, Cochran's Q (1950, Biometrika 37) is chi-squared with S - 1 degrees of freedom, however hard the problems
are; for two seeds this is McNemar's test. With several samples per problem, the answers are shares of incorrect
samples, and chance is their variance between seeds within a problem, which gives Cochran's Q for single answers. Summed
over a curve's cells and divided by its degrees of freedom it is the ratio of the variance between seeds to that of
chance: 1 for chance alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import chdtrc

from analysis.data.cells import Cell


@dataclass(frozen=True)
class Overdispersion:
    """The variance between seeds relative to chance, over some cells.

    Attributes:
        statistic: Cochran's Q, summed over the cells whose seeds disagree on any problem.
        df: its degrees of freedom; 0, and the ratio unknown, where no cell has two seeds that disagree.
        relative_sd: standard deviation between seeds of a run's error rate over its mean, beyond chance; a negative
            variance counts as 0. Cells with many errors, which measure it best, have the largest weight.
    """

    statistic: float
    df: int
    relative_sd: float

    @property
    def ratio(self) -> float:
        """Variance between seeds over that of chance; NaN without degrees of freedom."""
        return self.statistic / self.df if self.df else math.nan

    @property
    def p_value(self) -> float:
        """The probability of at least this variance by chance alone; NaN without degrees of freedom."""
        return float(chdtrc(self.df, self.statistic)) if self.df else math.nan


def overdispersion(cells: Iterable[Cell]) -> Overdispersion:
    """The overdispersion between seeds, over all of `cells` together."""
    statistic, df, between, weight = 0.0, 0, 0.0, 0.0
    for cell in cells:
        seeds, problems = cell.wrong.shape
        by_seed = cell.wrong.mean(axis=1)
        chance = float(cell.spread.sum()) * seeds / (seeds - 1) if seeds > 1 else 0.0
        if chance == 0:
            continue
        squares = problems**2 * float(((by_seed - by_seed.mean()) ** 2).sum())
        statistic += squares / chance
        df += seeds - 1
        between += (squares - (seeds - 1) * chance) / problems**2
        weight += (seeds - 1) * cell.error**2
    return Overdispersion(statistic, df, math.sqrt(max(between, 0.0) / weight) if weight else 0.0)
