"""Paired bootstrap of test error, over test problems and over seeds.

A study is a table of seeds by test problems, the two crossed: all runs answer the same problems, and a seed's
demonstrations are shared by sizes and methods. A draw therefore resamples both in the same way in every cell, so that
effects that cells share (a hard problem, a lucky seed) cancel in their differences.

Problems: resampled, each with the answers of all seeds. This includes the chance in single answers.

Seeds: their differences beyond that chance. Chance must not enter twice, as it does where both rows and columns of a
crossed table are resampled (Owen and Eckles 2012, arXiv 1106.2125): the seeds' deviations are shrunk by the root of
1 - 1 / ratio, for the `overdispersion` ratio of all cells together. And S seeds are too few to be resampled: the
resulting variance is too small by the factor (S - 1) / S and lacks the tails of Student's t (Hesterberg 2015, arXiv
1411.5279). Instead, a draw multiplies their deviations by normal random numbers and by the ratio of the true to the
estimated standard deviation, drawn with S - 1 degrees of freedom: a statistic that is linear in the seeds then has
draws from Student's t with S - 1 degrees of freedom, whether seeds act on all cells together or on each independently.
The overdispersion ratio is drawn likewise, at its degrees of freedom. With one seed this part is absent, and intervals
describe that seed only.

With several samples per problem, all of this holds for the shares of incorrect samples: which samples were drawn is
part of the chance in a run's answers to a problem.

Deviations are added to the log odds of the error, so that draws stay in (0, 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, expit, logit

from analysis.data.cells import Cell
from analysis.defaults import DRAWS, LEVEL
from analysis.stats.binomial import wilson
from analysis.stats.overdispersion import Overdispersion, overdispersion

FARTHEST = 12.0  # limit of the log odds: with two seeds one draw in a hundred is far beyond any possible error
Key = TypeVar("Key")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Draws(Generic[Key]):
    """Test error of every cell, as measured and in B resamples; draw b is the same resample in every cell.

    Attributes:
        error: key -> measured error, a fraction.
        resampled: key -> errors (B,).
        degenerate: key -> 95 % Wilson interval over one seed's problems, for cells whose answers are all correct or
            all incorrect.
    """

    error: Mapping[Key, float]
    resampled: Mapping[Key, Floats]
    degenerate: Mapping[Key, tuple[float, float]]

    def interval(self, key: Key) -> tuple[float, float]:
        """95 % percentile interval of a cell's error; Wilson's where all answers are correct or all are
        incorrect."""
        return self.degenerate.get(key) or percentile_interval(self.resampled[key])


def percentile_interval(draws: Floats, level: float = LEVEL) -> tuple[float, float]:
    """The central `level` of draws (B,), as (low, high)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def open_interval(draws: Floats) -> tuple[float | None, float | None]:
    """95 % interval of draws (B,) that may be infinite; None for an end that is."""
    tail = (1 - LEVEL) / 2
    # Without interpolation, which is undefined between finite and infinite values.
    low, high = np.quantile(draws, tail, method="lower"), np.quantile(draws, 1 - tail, method="higher")
    return (float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None)


def resample(cells: Mapping[Key, Cell], draws: int = DRAWS, seed: int = 0) -> Draws[Key]:
    """Draw B = `draws` bootstrap errors of every cell; all cells must hold the same test problems.

    A cell that lacks some of the seeds (in an unfinished study) uses the seeds it has. The random numbers depend on the
    union of all seeds, and not on which cells there are; cells influence each other through the overdispersion ratio.

    Raises:
        ValueError: no cells, fewer than one draw, or cells with different numbers of problems.
    """
    if not cells or draws < 1:
        raise ValueError("the bootstrap needs at least one cell and one draw")
    widths = {cell.wrong.shape[1] for cell in cells.values()}
    if len(widths) > 1:
        raise ValueError(f"the cells hold different numbers of test problems: {sorted(widths)}")
    (problems,) = widths
    seeds = sorted({name for cell in cells.values() for name in cell.seeds})
    rng = np.random.default_rng(seed)
    shares = _problem_shares(rng, draws, problems)
    weights = rng.standard_normal((draws, len(seeds)))
    place, place_of_ratio = rng.uniform(size=(2, draws))
    beyond_chance = _beyond_chance(overdispersion(cells.values()), place_of_ratio)
    scales = {
        count: beyond_chance * _drawn_sd(place, count - 1) for count in {len(one.seeds) for one in cells.values()}
    }

    # One matrix product for all cells: a loop over cells takes ten times as long.
    by_problems = shares @ np.stack([cell.wrong.mean(axis=0) for cell in cells.values()], axis=1)  # (B, cells)
    resampled, degenerate = {}, {}
    for (key, cell), drawn in zip(cells.items(), by_problems.T, strict=True):
        if cell.error in (0.0, 1.0):
            resampled[key] = np.full(draws, cell.error)
            degenerate[key] = wilson(round(cell.error * problems), problems)
            continue
        cell_weights = weights[:, [seeds.index(name) for name in cell.seeds]]
        moved = drawn - cell.error + cell_weights @ _seed_effects(cell) * scales[len(cell.seeds)]
        odds = logit(cell.error) + moved / (cell.error * (1 - cell.error))
        resampled[key] = expit(np.clip(odds, -FARTHEST, FARTHEST))
    return Draws({key: cell.error for key, cell in cells.items()}, resampled, degenerate)


def _problem_shares(rng: np.random.Generator, draws: int, problems: int) -> Floats:
    """(B, P) the weight of each problem in a draw; a mean over the resample is then a matrix product."""
    chosen = rng.integers(problems, size=(draws, problems)) + problems * np.arange(draws)[:, None]
    return np.bincount(chosen.ravel(), minlength=draws * problems).reshape(draws, problems) / problems


def _seed_effects(cell: Cell) -> Floats:
    """(S,) the seeds' deviations, scaled so that with normal weights their sum has the variance of the seeds' mean."""
    by_seed = cell.wrong.mean(axis=1)
    seeds = len(by_seed)
    return np.asarray((by_seed - by_seed.mean()) / np.sqrt(seeds * max(seeds - 1, 1)))


def _drawn_sd(place: Floats, df: int) -> Floats:
    """(B,) the true standard deviation over an estimate with `df` degrees of freedom, at quantiles `place` (B,)."""
    if df == 0:
        return np.zeros_like(place)
    return np.asarray(np.sqrt(df / chdtri(df, place)))


def _beyond_chance(seen: Overdispersion, place: Floats) -> Floats:
    """(B,) the share of the seeds' standard deviation that exceeds chance."""
    if not seen.df:
        return np.zeros_like(place)
    ratio = np.maximum(seen.ratio * _drawn_sd(place, seen.df) ** 2, 1.0)
    return np.asarray(np.sqrt(1 - 1 / ratio))
