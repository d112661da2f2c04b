"""Hierarchical paired bootstrap of test error.

A draw resamples the seeds and, crossed with them, the test problems. Both resamples are shared by every cell:
methods are compared on the same problems and seeds, so that what they share (a hard problem, a seed's demonstrations)
cancels in their differences. With the two or three seeds that a study can pay for the seed component is
coarse: S seeds have few distinct resamples, and their spread is understated by a factor of about (S - 1) / S;
with one seed it is absent, and the interval speaks of that seed alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from analysis.binomial import wilson
from analysis.cells import Cell

DRAWS = 1000
LEVEL = 0.95
Key = TypeVar("Key")


@dataclass(frozen=True)
class Draws(Generic[Key]):
    """Test error of every cell, as measured and in B resamples; draw b is the same resample in every cell.

    Attributes:
        error: key -> measured error, a fraction.
        resampled: key -> errors (B,).
        degenerate: key -> 95 % Wilson interval over one seed's problems, for cells where all or nothing is wrong.
    """

    error: Mapping[Key, float]
    resampled: Mapping[Key, npt.NDArray[np.float64]]
    degenerate: Mapping[Key, tuple[float, float]]

    def interval(self, key: Key) -> tuple[float, float]:
        """95 % percentile interval of a cell's error; Wilson's where resampling cannot move the error."""
        return self.degenerate.get(key) or percentile_interval(self.resampled[key])


def percentile_interval(draws: npt.NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """The central `level` of draws (B,), as (low, high)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resample(cells: Mapping[Key, Cell], draws: int = DRAWS, seed: int = 0) -> Draws[Key]:
    """Draw B = `draws` bootstrap errors of every cell; all cells must hold the same test problems.

    A cell that lacks every seed of a draw (an unfinished study) counts its own seeds evenly in that draw. A cell's
    draws depend on the union of all seeds, and not on which other cells there are.

    Raises:
        ValueError: no cells, fewer than one draw, or cells with different numbers of problems.
    """
    if not cells or draws < 1:
        raise ValueError("the bootstrap needs a cell and a draw at least")
    widths = {cell.wrong.shape[1] for cell in cells.values()}
    if len(widths) > 1:
        raise ValueError(f"the cells hold different numbers of test problems: {sorted(widths)}")
    (problems,) = widths
    seeds = sorted({seed for cell in cells.values() for seed in cell.seeds})
    rng = np.random.default_rng(seed)
    # How often each seed and each problem occurs in a draw; a mean over the resample is then a matrix product.
    seed_counts = rng.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size=draws)
    problem_shares = rng.multinomial(problems, np.full(problems, 1 / problems), size=draws) / problems
    error, resampled, degenerate = {}, {}, {}
    for key, cell in cells.items():
        counts = seed_counts[:, [seeds.index(own) for own in cell.seeds]]  # (B, S)
        counts = np.where(counts.sum(axis=1, keepdims=True) == 0, 1, counts)
        by_seed = problem_shares @ cell.wrong.T.astype(float)  # (B, S)
        error[key] = cell.error
        resampled[key] = (by_seed * counts).sum(axis=1) / counts.sum(axis=1)
        if cell.error in (0.0, 1.0):
            degenerate[key] = wilson(round(cell.error * problems), problems)
    return Draws(error, resampled, degenerate)
