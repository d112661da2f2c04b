"""The baseline law: error against spending (problems or FLOPs), and its inverse, the spending that reaches an error."""

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
from analysis.stats.overdispersion import overdispersion

ROUNDING = 1e-6  # of a logarithm of errors: smaller differences are those of the optimiser
FAR = 700.0  # largest magnitude of a logarithm, near the range of floating point


@dataclass(frozen=True)
class BaselineLaw:
    """A fitted law of a label over K settings against one unit of spending, problems or FLOPs, with its draws.

    Attributes:
        label: the label, usually the baseline.
        spent, errors: (K,) measured at each setting.
        law: error against spending, of all seeds together.
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
        """The smallest spending."""
        return min(self.spent)

    @property
    def largest(self) -> float:
        """The largest spending."""
        return max(self.spent)

    @property
    def falls(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each draw's law falls, (B,)."""
        return (self.exponents > 0) & np.isfinite(self.log_amplitudes)

    def predict(self, spent: Sequence[float] | Floats) -> Floats:
        """The error that each draw's law predicts at K amounts of spending, (B, K)."""
        logs = self.exponents[:, None] * np.log(np.asarray(spent, dtype=float))
        powers = np.exp(self.log_amplitudes[:, None] - np.logaddexp(self.log_offsets[:, None], logs))
        return np.asarray(self.floors[:, None] + powers)

    def errors_at(self, size: float) -> Floats:
        """(1 + B,) the error at one amount of spending: by the law, then by each draw's law."""
        return np.concatenate([[float(self.law.predict(size))], self.predict([size])[:, 0]])

    def log_reached(self, errors: Floats) -> Floats:
        """The log of the spending at which each draw's law reaches that draw's error: (B,) for errors (B,).

        The law is also extrapolated. The result is `FAR` at the floor and below, and -`FAR` above the error of no data.
        A law that does not fall never reaches a lower error (`FAR`) and always a higher one (-`FAR`).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            log_powers = self.log_amplitudes - np.log(
                np.maximum(errors - self.floors, 0.0)
            )  # log of offset + spent ** exponent
            logs = (log_powers + np.log1p(-np.exp(np.minimum(self.log_offsets - log_powers, 0.0)))) / self.exponents
            at_largest = log_powers - self.exponents * np.log(self.largest)
        below = np.where(np.isfinite(self.log_amplitudes), at_largest > 0, errors <= self.floors)
        return np.asarray(np.clip(np.where(self.falls, logs, np.where(below, np.inf, -np.inf)), -FAR, FAR))

    def misses(self, resampled: Floats) -> tuple[int, ...]:
        """The places of the settings that the law misses by more than noise, given their errors in every draw, (B, K).

        At those the interval of log error - log law's error excludes 0, at 95 % for all settings together (Bonferroni).
        Differences within `ROUNDING` are none: a law with as many parameters as settings meets every error.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.log(resampled) - np.log(self.predict(self.spent))  # -inf in draws without errors
            tail = (1 - LEVEL) / 2 / len(self.spent)
            low, high = np.quantile(off, [tail, 1 - tail], axis=0)
        above, below = np.isfinite(low) & (low > ROUNDING), np.isfinite(high) & (high < -ROUNDING)
        return tuple(np.flatnonzero(above | below).tolist())


def best_law(power: BaselineLaw, cells: Sequence[Cell], resampled: Floats, log_likelihood: float) -> BaselineLaw:
    """The law that describes K cells best: the given power law, whose likelihood this is, or one that bends.

    Candidates bend at large N (with a floor), at small N (rectified without a floor), or at both ends (rectified; Lin
    et al. 2024, arXiv 2402.02314). The best has the lowest AICc over the K cells, with likelihoods divided by the
    seeds' overdispersion (the QAICc of Burnham and Anderson 2002, section 2.5), which requires two cells more than a
    law has parameters. Draws are refits of the law to `resampled` (B, K).
    """
    spent = np.array(power.spent)
    tested = np.array([cell.independent for cell in cells])
    spread = overdispersion(cells)
    scale = max(1.0, spread.ratio) if spread.df else 1.0
    best, least = None, aicc(log_likelihood / scale, 2, len(cells))
    for free, shape in ((3, _floor), (3, bent_shape), (4, _rectified)):
        if len(np.unique(spent)) < free or not np.isfinite(aicc(0.0, free, len(cells))):
            continue
        solution = solve_counts(shape(spent), np.array(power.errors) * tested, tested)
        criterion = aicc(solution.log_likelihood / scale, free, len(cells))
        if criterion < least:
            best, least = (shape, solution), criterion
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
