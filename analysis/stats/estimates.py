"""An estimate with its 95 % interval from the paired bootstrap, and the additional data that would narrow it.

A statistic is a function of test errors: a mapping key -> errors (B,) to values (B,). Its value at the measured
errors is the estimate; its values at the resampled errors give the interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from analysis.data.cells import Cell
from analysis.defaults import LEVEL
from analysis.stats.bootstrap import Draws, percentile_interval, resample
from analysis.stats.variance import Statistic, cell_covariance

Points = Mapping[Any, Cell]  # the cells of one claim, by any key

MOST_SEEDS, MOST_PROBLEMS = 100, 100_000  # beyond these the advice is "> 100 more seeds"


@dataclass(frozen=True)
class Sample:
    """Cells with their bootstrap, which is computed at first use and shared.

    Attributes:
        points: the cells, by any key.
        draws: number of bootstrap draws, B.
        seed: of their random numbers.
    """

    points: Points
    draws: int
    seed: int = 0

    @cached_property
    def drawn(self) -> Draws[Any]:
        """The bootstrap draws over seeds and test problems, from which intervals are computed."""
        return resample(self.points, self.draws, self.seed)

    def fewest_seeds(self, keys: Collection[Any]) -> int:
        """The smallest number of seeds among the cells `keys`."""
        return min(len(self.points[key].seeds) for key in keys)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; an end is infinite where no measurement bounds it."""

    value: float
    low: float
    high: float


def estimate(statistic: Statistic, draws: Draws[Any], level: float = LEVEL) -> Estimate:
    """The statistic of the measured errors, with the percentile interval of its draws.

    A draw in which the statistic is undefined (NaN) may have any value, so it widens the interval on both sides.
    """
    measured = statistic({key: np.array([error]) for key, error in draws.error.items()})
    values = statistic(draws.resampled)
    missing = np.isnan(values)
    if not missing.any():
        low, high = percentile_interval(values, level)
    else:
        # Quantiles of infinite values cannot be interpolated: inf - inf is NaN.
        tail = (1 - level) / 2
        low = float(np.quantile(np.where(missing, -np.inf, values), tail, method="lower"))
        high = float(np.quantile(np.where(missing, np.inf, values), 1 - tail, method="higher"))
    return Estimate(float(measured[0]), low, high)


def narrowing(interval: Estimate, cuts: Sequence[float]) -> float:
    """The factor (below 1) to which an interval must narrow about its value to lie between two cuts; 0 if none."""
    needed = 1.0
    for cut in cuts:
        if interval.low <= cut <= interval.high:
            side = interval.value - interval.low if cut < interval.value else interval.high - interval.value
            needed = min(needed, abs(interval.value - cut) / side if side > 0 else 0.0)
    return needed


def more_data(factor: float, sample: Sample, keys: Collection[Any], statistic: Statistic) -> str:
    """The number of further seeds, or test problems, that narrow the interval to `factor` of its width, as a phrase.

    `keys` are the cells that the statistic reads. The variance components come from `cell_covariance`; the component of
    seeds is scaled by Student's quantile, as in the bootstrap.
    """
    seeds, problems = sample.fewest_seeds(keys), next(iter(sample.points.values())).wrong.shape[1]
    if seeds < 2:
        return "a second seed: one seed does not show the variance between seeds"
    if factor <= 0:
        return "no amount of data: the estimate lies on the boundary between two verdicts"
    covariance = cell_covariance({key: sample.points[key] for key in keys})
    parts = covariance.components(covariance.gradient(statistic))
    if not 0 < parts.total < math.inf:
        return "unknown: the estimate is undefined near its value, or does not depend on any of its cells"

    def enough(more_seeds: float, times_problems: float) -> bool:
        """Whether so many more seeds, and times as many test problems, are enough."""
        now = parts.seeds * _tail(seeds) + parts.problems + parts.chance
        share = seeds / (seeds + more_seeds)
        then = parts.seeds * _tail(seeds + more_seeds) * share
        then += (parts.problems + parts.chance * share) / times_problems
        return then <= factor**2 * now * (1 + 1e-9)

    ways = []
    if enough(math.inf, 1):
        more = _least(lambda count: enough(count, 1), MOST_SEEDS)
        ways.append(phrase(more, MOST_SEEDS, "seeds"))
    if enough(0, math.inf):
        more = _least(lambda count: enough(0, 1 + count / problems), MOST_PROBLEMS)
        ways.append(phrase(more, MOST_PROBLEMS, "test problems"))
    if ways:
        return " or ".join(ways)
    more = _least(lambda count: enough(count, 1 + count / seeds), MOST_SEEDS)
    both = (phrase(more, MOST_SEEDS, "seeds"), phrase(more * problems / seeds, MOST_PROBLEMS, "test problems"))
    return " together with ".join(both)


def _tail(seeds: float) -> float:
    """Square of Student's 95 % quantile for that many seeds over the normal one's."""
    from scipy.special import stdtrit  # scipy loads slowly

    at = (1 + LEVEL) / 2
    return float((stdtrit(seeds - 1, at) / stdtrit(np.inf, at)) ** 2) if math.isfinite(seeds) else 1.0


def _least(enough: Callable[[int], bool], most: int) -> float:
    """The smallest sufficient count, by bisection; infinite where `most` is not sufficient."""
    if not enough(most):
        return math.inf
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def phrase(more: float, most: int, name: str) -> str:
    """E.g. "4 more seeds", "1,900 more test problems", "> 100 more seeds"."""
    rounded = max(1, math.ceil(more - 1e-9)) if more <= most else most
    if rounded >= 1000:
        rounded = math.ceil(rounded / 100) * 100  # a power calculation is accurate to two digits at most
    return f"{'> ' if more > most else ''}{rounded:,} more {name if rounded > 1 else name[:-1]}"
