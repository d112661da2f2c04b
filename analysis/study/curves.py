"""A label's curve of error against N or FLOPs: its fitted law, and the law of every bootstrap draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import Cell, SizeKey, sizes_of
from analysis.fits.fit import Fit
from analysis.fits.laws import PowerLaw
from analysis.fits.power import fit_draws, fit_power_law
from analysis.stats.bootstrap import Draws, percentile_interval
from analysis.study.baseline_law import BaselineLaw, best_law

REACH = 4  # times the largest run: the limit of extrapolation unless asked for more


@dataclass(frozen=True)
class Curve:
    """A label's K cells and the power law fitted to them.

    Attributes:
        label: the curve's name.
        sizes: (K,) the N that were run, in problems.
        spent: (K,) the abscissa of the fit: N, or mean FLOPs.
        cells: (K,) the measured cells.
        resampled: (B, K) their errors in every draw.
        fit: the law of all seeds together.
        log_amplitudes, exponents: (B,) the law of each draw.
    """

    label: str
    sizes: tuple[int, ...]
    spent: tuple[float, ...]
    cells: tuple[Cell, ...]
    resampled: Floats
    fit: Fit[PowerLaw]
    log_amplitudes: Floats
    exponents: Floats

    def exponent_interval(self) -> tuple[float, float]:
        """95 % interval of the exponent."""
        return percentile_interval(self.exponents)

    def amplitude_interval(self) -> tuple[float, float]:
        """95 % interval of the amplitude."""
        low, high = np.exp(percentile_interval(self.log_amplitudes))
        return float(low), float(high)

    @cached_property
    def baseline_law(self) -> BaselineLaw:
        """The law that describes the cells best, often the power law, with its inverse."""
        return best_law(self._power, self.cells, self.resampled, self.fit.log_likelihood)

    def misses(self) -> tuple[int, ...]:
        """The N at which the power law misses the measured error by more than noise."""
        return tuple(self.sizes[place] for place in self._power.misses(self.resampled))

    @cached_property
    def _power(self) -> BaselineLaw:
        errors, none = tuple(cell.error for cell in self.cells), np.zeros_like(self.exponents)
        absent = np.full_like(none, -np.inf)
        return BaselineLaw(
            self.label, self.spent, errors, self.fit.law, self.log_amplitudes, self.exponents, none, absent
        )


def fit_curve(
    cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey], label: str, flops: Mapping[SizeKey, float] | None = None
) -> Curve:
    """Fit a power law to a label's cells and to each of their draws, against N or against given mean FLOPs.

    FLOPs are treated as known, since they vary little between seeds.

    Raises:
        InputError: a label without runs.
        ValueError: fewer than two distinct sizes or costs, no errors at all, or a cell without FLOPs.
    """
    sizes = sizes_of(cells, label)
    keys = [(label, size) for size in sizes]
    if flops is not None and any(key not in flops for key in keys):
        raise ValueError("not all of its runs record their FLOPs")
    spent = tuple(float(size) if flops is None else flops[label, size] for size in sizes)
    curve_cells = tuple(cells[key] for key in keys)
    tested = [cell.independent for cell in curve_cells]
    fit = fit_power_law(spent, [cell.incorrect for cell in curve_cells], tested)
    resampled = np.stack([draws.resampled[key] for key in keys], axis=1)
    return Curve(label, tuple(sizes), spent, curve_cells, resampled, fit, *fit_draws(spent, resampled, tested))


def fit_curves(cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey]) -> tuple[dict[str, Curve], dict[str, str]]:
    """Every label's curve against N, and the reason for each label that cannot be fitted."""
    curves, unfitted = {}, {}
    for label in sorted({label for label, _ in cells}):
        try:
            curves[label] = fit_curve(cells, draws, label)
        except ValueError as error:
            unfitted[label] = str(error)
    return curves, unfitted


def sizes_for(curve: Curve, target: float) -> Floats:
    """The N at which each draw's law reaches an error, (B,); the smallest run's where it does there already, infinite
    where it does not."""
    law, smallest = curve.baseline_law, curve.sizes[0]
    there = law.predict([smallest])[:, 0] <= target
    logs = law.log_reached(np.full(len(there), target))
    # A law that does not fall reaches the error at the smallest run or nowhere.
    reached = np.where(law.falls, np.exp(logs), np.inf)
    return np.asarray(np.where(there, smallest, reached))
