"""The baseline's error against what it spent, to be read backwards: how much would it need to reach an error?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import Cell
from analysis.defaults import LEVEL
from analysis.fits.fit import aicc
from analysis.fits.laws import FloorLaw, Law, RectifiedLaw
from analysis.fits.shapes import Shape
from analysis.fits.size_laws import bent_shape, size_shape
from analysis.fits.solving import refit_counts, solve_counts
from analysis.stats.overdispersion import dispersion

FAR = 700.0  # of a log: where a number ends


@dataclass(frozen=True)
class BaselineLaw:
    """The baseline over K settings, in one unit of spending: problems or FLOPs.

    Attributes:
        label: the baseline.
        spent, errors: (K,) of each setting, as measured.
        law: error against what was spent, of all seeds together.
        log_amplitudes, exponents, floors, log_offsets: (B,) the law of each draw,
            floor + amplitude / (offset + spent ** exponent).
    """

    label: str
    spent: tuple[float, ...]
    errors: tuple[float, ...]
    law: Law
    log_amplitudes: Floats
    exponents: Floats
    floors: Floats
    log_offsets: Floats

    @property
    def smallest(self) -> float:
        """The least that was spent."""
        return min(self.spent)

    @property
    def largest(self) -> float:
        """The most that was spent."""
        return max(self.spent)

    @property
    def falls(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each draw's law falls, (B,)."""
        return (self.exponents > 0) & np.isfinite(self.log_amplitudes)

    def predict(self, spent: Sequence[float] | Floats) -> Floats:
        """Each draw's error at K amounts spent, (B, K)."""
        logs = self.exponents[:, None] * np.log(np.asarray(spent, dtype=float))
        powers = np.exp(self.log_amplitudes[:, None] - np.logaddexp(self.log_offsets[:, None], logs))
        return np.asarray(self.floors[:, None] + powers)

    def log_reached(self, errors: Floats) -> Floats:
        """The log of what each draw's law needs for that draw's error, (B,) from (B,), beyond the range too.

        Infinite (`FAR`) at the floor and below, minus infinite above the error of nothing spent. Where a draw's law
        does not fall, nothing spent reaches a lower error: infinite, or minus infinite for a higher one.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            worth = self.log_amplitudes - np.log(
                np.maximum(errors - self.floors, 0.0)
            )  # log of offset + spent ** exponent
            logs = (worth + np.log1p(-np.exp(np.minimum(self.log_offsets - worth, 0.0)))) / self.exponents
            at_largest = worth - self.exponents * np.log(self.largest)
        below = np.where(np.isfinite(self.log_amplitudes), at_largest > 0, errors <= self.floors)
        return np.asarray(np.clip(np.where(self.falls, logs, np.where(below, np.inf, -np.inf)), -FAR, FAR))

    def misses(self, resampled: Floats) -> tuple[int, ...]:
        """Which of the K settings the law misses by more than noise, given their errors in every draw, (B, K).

        There the interval of log error - log law's error excludes 0, at 95 % for all settings together (Bonferroni).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.log(resampled) - np.log(self.predict(self.spent))
        tail = (1 - LEVEL) / 2 / len(self.spent)
        low, high = np.quantile(off, [tail, 1 - tail], axis=0)
        return tuple(np.flatnonzero((np.isfinite(low) & (low > 0)) | (np.isfinite(high) & (high < 0))).tolist())


def best_law(power: BaselineLaw, cells: Sequence[Cell], resampled: Floats, log_likelihood: float) -> BaselineLaw:
    """The baseline_law by the law that describes K cells best: the power law of this likelihood, or one that bends.

    Laws that bend: at the end, with a floor; at the start, where error is near that of no data, rectified without one;
    at both ends, rectified (Lin et al. 2024, arXiv 2402.02314). Best is the lowest AICc over the K cells, likelihoods
    divided by the seeds' over-dispersion (the QAICc of Burnham and Anderson 2002, section 2.5), which takes two cells
    more than a law has parameters. Draws are the law refitted to `resampled` (B, K).
    """
    spent = np.array(power.spent)
    tested = np.array([cell.tested for cell in cells], dtype=float)
    spread = dispersion(cells)
    scale = max(1.0, spread.ratio) if spread.df else 1.0
    best, least = None, aicc(log_likelihood / scale, 2, len(cells))
    for free, shape in ((3, _floor), (3, bent_shape), (4, _rectified)):
        if len(np.unique(spent)) < free or not np.isfinite(aicc(0.0, free, len(cells))):
            continue
        solution = solve_counts(shape(spent), np.array(power.errors) * tested, tested)
        found = aicc(solution.log_likelihood / scale, free, len(cells))
        if found < least:
            best, least = (shape, solution), found
    if best is None:
        return power
    shape, solution = best
    draws = refit_counts(solution, resampled * tested, tested)  # (B, P)
    none = np.zeros(len(draws))
    law: Law
    if shape is _floor:
        floors, amplitudes, exponents = draws.T
        offsets, law = none, FloorLaw(*map(float, solution.parameters))
    elif shape is bent_shape:
        amplitudes, offsets, exponents = draws.T
        floors, law = none, RectifiedLaw(0.0, *map(float, solution.parameters))
    else:
        floors, amplitudes, offsets, exponents = draws.T
        law = RectifiedLaw(*map(float, solution.parameters))
    with np.errstate(divide="ignore"):
        logs, log_offsets = np.log(amplitudes), np.log(offsets)
    return replace(power, law=law, log_amplitudes=logs, exponents=exponents, floors=floors, log_offsets=log_offsets)


def _floor(spent: Floats) -> Shape:
    return size_shape("floor", spent)


def _rectified(spent: Floats) -> Shape:
    return size_shape("rectified", spent)
