"""The baseline's error against what it spent, to be read backwards: how much would it need to reach an error?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.bootstrap import LEVEL
from analysis.cells import Cell
from analysis.dispersion import dispersion
from analysis.fits.fit import aicc
from analysis.fits.size_laws import make, size_shape
from analysis.fits.solving import refit_counts, solve_counts
from analysis.laws import Floats, Law

FAR = 700.0  # of a log: where a number ends


@dataclass(frozen=True)
class Yardstick:
    """The baseline over K settings, in one unit of spending: problems or FLOPs.

    Attributes:
        label: the baseline.
        spent, errors: (K,) of each setting, as measured.
        law: error against what was spent, of all seeds together.
        log_amplitudes, exponents, floors: (B,) the law of each draw, floor + amplitude * spent ** -exponent.
    """

    label: str
    spent: tuple[float, ...]
    errors: tuple[float, ...]
    law: Law
    log_amplitudes: Floats
    exponents: Floats
    floors: Floats

    @property
    def smallest(self) -> float:
        """The least that was spent."""
        return min(self.spent)

    @property
    def largest(self) -> float:
        """The most that was spent."""
        return max(self.spent)

    def log_reached(self, errors: Floats) -> Floats:
        """The log of what each draw's law needs for that draw's error, (B,) from (B,), beyond the range too.

        Infinite (`FAR`) at the floor and below. Where a draw's law does not fall, nothing spent reaches a lower error:
        infinite, or minus infinite for a higher one.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = self.log_amplitudes - np.log(np.maximum(errors - self.floors, 0.0))
            logs = gain / self.exponents
            at_largest = gain - self.exponents * np.log(self.largest)
        falls = (self.exponents > 0) & np.isfinite(self.log_amplitudes)
        below = np.where(np.isfinite(self.log_amplitudes), at_largest > 0, errors <= self.floors)
        return np.asarray(np.clip(np.where(falls, logs, np.where(below, np.inf, -np.inf)), -FAR, FAR))

    def misses(self, resampled: Floats) -> tuple[int, ...]:
        """Which of the K settings the law misses by more than noise, given their errors in every draw, (B, K).

        There the interval of log error - log law's error excludes 0, at 95 % for all settings together (Bonferroni).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            powers = np.exp(self.log_amplitudes[:, None] - self.exponents[:, None] * np.log(self.spent))
            off = np.log(resampled) - np.log(self.floors[:, None] + powers)
        tail = (1 - LEVEL) / 2 / len(self.spent)
        low, high = np.quantile(off, [tail, 1 - tail], axis=0)
        return tuple(np.flatnonzero((np.isfinite(low) & (low > 0)) | (np.isfinite(high) & (high < 0))).tolist())


def floored(power: Yardstick, cells: Sequence[Cell], resampled: Floats, log_likelihood: float) -> Yardstick | None:
    """The yardstick with a floor, where that describes K cells better than the power law of this likelihood.

    Better is a lower AICc over the K cells, likelihoods divided by the seeds' over-dispersion (the QAICc of Burnham and
    Anderson 2002, section 2.5). Below five cells the criterion is infinite, and there is no floor. Draws are the law
    with a floor refitted to `resampled` (B, K).
    """
    spent = np.array(power.spent)
    tested = np.array([cell.tested for cell in cells], dtype=float)
    if not np.isfinite(aicc(0.0, 3, len(cells))) or len(np.unique(spent)) < 3:
        return None
    solution = solve_counts(size_shape("floor", spent), np.array(power.errors) * tested, tested)
    spread = dispersion(cells)
    scale = max(1.0, spread.ratio) if spread.df else 1.0
    if aicc(solution.log_likelihood / scale, 3, len(cells)) >= aicc(log_likelihood / scale, 2, len(cells)):
        return None
    floors, amplitudes, exponents = refit_counts(solution, resampled * tested, tested).T
    with np.errstate(divide="ignore"):
        logs = np.log(amplitudes)
    return replace(
        power, law=make("floor", solution.parameters), log_amplitudes=logs, exponents=exponents, floors=floors
    )
