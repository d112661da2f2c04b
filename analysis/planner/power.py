"""The smallest effects that a planned sweep would resolve, from the variance components of an earlier study.

The log ratio of a method's error to the baseline's at one N, paired over seeds and test problems, has the variance

    seeds / S + (problems / P + chance / (S P)) (1 - e) / e

for S seeds, P test problems and an error e: seeds multiply an error rate, while answers to problems vary as binomial
ones do. The components are means over the sizes and methods of the earlier study. An effect is resolved where its
95 % interval excludes 0, which it does with probability 80 % at (t_0.975 + t_0.8) standard errors, with the degrees of
freedom that Satterthwaite's formula gives S seeds (S - 1) and P problems (P - 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from analysis.data.cells import Cell, SizeKey, sizes_of
from analysis.defaults import LEVEL
from analysis.errors import InputError
from analysis.fits.derived import exponent_at
from analysis.fits.laws import Law
from analysis.stats.variance import cell_covariance

POWER = 0.8
MOST_SEEDS, MOST_PROBLEMS = 200, 10_000_000


@dataclass(frozen=True)
class PairedNoise:
    """Variance components of a paired log ratio of errors, of one seed and one test problem."""

    seeds: float
    problems: float
    chance: float

    def smallest(self, error: float, seeds: int, problems: int) -> float:
        """The smallest log ratio of errors that S seeds and P test problems resolve with probability 80 %.

        With one seed it is that of this seed alone, as its interval is.
        """
        odds = (1 - error) / error
        by_seeds = self.seeds / seeds if seeds > 1 else 0.0
        by_problems = (self.problems / problems + self.chance / (seeds * problems)) * odds
        variance = by_seeds + by_problems
        if variance == 0:
            return 0.0
        parts = (by_seeds**2 / (seeds - 1) if seeds > 1 else 0.0) + by_problems**2 / max(problems - 1, 1)
        freedom = variance**2 / parts
        return float((stdtrit(freedom, (1 + LEVEL) / 2) + stdtrit(freedom, POWER)) * math.sqrt(variance))


@dataclass(frozen=True)
class Resolved:
    """What a sweep resolves at one N with probability 80 %.

    Attributes:
        size, error: N, and the baseline's error there by its law.
        difference: the smallest gain in error, a fraction.
        multiplier: the smallest M(N), from the local exponent of the baseline's law; infinite where it does not fall.
        kappa: the smallest worth of a negative in positives, (M - 1) / m for m negatives per problem; None without m.
        seeds_needed, problems_needed: the fewest for the wanted effect, the other being as planned; None where it was
            not asked for or no number suffices.
        extrapolated: N lies outside the baseline's runs.
    """

    size: int
    error: float
    difference: float
    multiplier: float
    kappa: float | None
    seeds_needed: int | None
    problems_needed: int | None
    extrapolated: bool


def paired_noise(cells: Mapping[SizeKey, Cell], baseline: str, methods: Sequence[str]) -> PairedNoise:
    """The components of a method's log error ratio to the baseline, means over methods and the sizes of both.

    Raises:
        InputError: a label without runs, or no size at which both have two seeds and some errors.
    """
    used = {key: cell for key, cell in cells.items() if key[0] in (baseline, *methods) and cell.error not in (0.0, 1.0)}
    components = []
    covariance = cell_covariance(used) if used else None
    for method in methods:
        for size in sorted(set(sizes_of(cells, baseline)) & set(sizes_of(cells, method))):
            pair = (baseline, size), (method, size)
            if covariance is None or method == baseline or not used.keys() >= set(pair):
                continue
            shared = set(used[pair[0]].seeds) & set(used[pair[1]].seeds)
            if len(shared) < 2:
                continue
            places = [covariance.keys.index(key) for key in pair]
            gradient = np.zeros(len(covariance.keys))
            gradient[places] = np.array([-1.0, 1.0]) / covariance.error[places]
            parts = covariance.components(gradient)
            seeds, problems = len(shared), used[pair[0]].wrong.shape[1]
            odds = float(np.mean((1 - covariance.error[places]) / covariance.error[places]))
            components.append(
                (parts.seeds * seeds, parts.problems * problems / odds, parts.chance * seeds * problems / odds)
            )
    if not components:
        raise InputError(
            f"no size at which {baseline} and another of {', '.join(methods)} have two seeds in common, and errors"
        )
    return PairedNoise(*map(float, np.mean(components, axis=0)))


def resolve(
    noise: PairedNoise,
    law: Law,
    sizes: Sequence[int],
    seeds: int,
    problems: int,
    measured: tuple[float, float],
    negatives: float | None = None,
    wanted_difference: float | None = None,
    wanted_multiplier: float | None = None,
) -> list[Resolved]:
    """What S seeds and P test problems resolve at each N; `law` is the baseline's, `measured` the range of its runs.

    Raises:
        InputError: an error of 0 or 1 by the law.
    """
    rows = []
    for size in sizes:
        error = float(law.predict(size))
        if not 0 < error < 1:
            raise InputError(
                f"the baseline's law has an error of {error:.3g} at N = {size}: nothing can be resolved there"
            )
        exponent = exponent_at(law, size)
        ratio = noise.smallest(error, seeds, problems)
        multiplier = math.exp(ratio / exponent) if exponent > 0 else math.inf
        wanted = None
        if wanted_difference is not None:
            wanted = -math.log1p(-wanted_difference / error) if wanted_difference < error else math.inf
        elif wanted_multiplier is not None:
            wanted = exponent * math.log(wanted_multiplier)
        needed: tuple[int | None, int | None] = None, None
        if wanted is not None and wanted > 0:
            needed = fewest(noise, wanted, error, seeds, problems)
        rows.append(
            Resolved(
                size,
                error,
                error * -math.expm1(-ratio),
                multiplier,
                None if negatives is None else (multiplier - 1) / negatives,
                *needed,
                not measured[0] <= size <= measured[1],
            )
        )
    return rows


def fewest(noise: PairedNoise, wanted: float, error: float, seeds: int, problems: int) -> tuple[int | None, int | None]:
    """The fewest seeds, with the planned problems, and the fewest problems, with the planned seeds, for a log ratio."""
    return (
        _fewest(lambda count: noise.smallest(error, count, problems) <= wanted, MOST_SEEDS),
        _fewest(lambda count: noise.smallest(error, seeds, count) <= wanted, MOST_PROBLEMS),
    )


def _fewest(enough: Callable[[int], bool], most: int) -> int | None:
    """The smallest number from 2 that is enough, where more are enough as well; None beyond `most`."""
    if not enough(most):
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
