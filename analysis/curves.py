"""A label's curve of error against N: its fitted law, with the law of every bootstrap draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.bootstrap import Draws, percentile_interval
from analysis.cells import Cell, SizeKey, sizes_of
from analysis.fitting import Fit, fit_draws, fit_power_law
from analysis.laws import Floats


@dataclass(frozen=True)
class Curve:
    """A fitted label.

    Attributes:
        label: the curve's name.
        sizes: (K,) the sizes N it was run at, in problems.
        fit: the law of all seeds together.
        log_amplitudes, exponents: (B,) the law of each draw.
    """

    label: str
    sizes: tuple[int, ...]
    fit: Fit
    log_amplitudes: Floats
    exponents: Floats

    def exponent_interval(self) -> tuple[float, float]:
        """95 % interval of the exponent."""
        return percentile_interval(self.exponents)

    def amplitude_interval(self) -> tuple[float, float]:
        """95 % interval of the amplitude."""
        low, high = np.exp(percentile_interval(self.log_amplitudes))
        return float(low), float(high)


def fit_curve(cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey], label: str) -> Curve:
    """Fit a power law to a label's cells and to each of their draws.

    Raises:
        InputError: a label without runs.
        ValueError: fewer than two sizes, or no errors at all.
    """
    sizes = sizes_of(cells, label)
    own = [cells[label, size] for size in sizes]
    tested = [cell.tested for cell in own]
    fit = fit_power_law(sizes, [int(cell.wrong.sum()) for cell in own], tested)
    resampled = np.stack([draws.resampled[label, size] for size in sizes], axis=1)
    return Curve(label, tuple(sizes), fit, *fit_draws(sizes, resampled, tested))


def fit_curves(cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey]) -> tuple[dict[str, Curve], dict[str, str]]:
    """Every label's curve, and for the labels that cannot be fitted the reason."""
    curves, unfitted = {}, {}
    for label in sorted({label for label, _ in cells}):
        try:
            curves[label] = fit_curve(cells, draws, label)
        except ValueError as error:
            unfitted[label] = str(error)
    return curves, unfitted
