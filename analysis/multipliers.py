"""How many times its data the baseline would need to reach a method's error: M(N) = N_baseline(err(N)) / N."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.bootstrap import Draws, percentile_interval
from analysis.cells import Cell, SizeKey, sizes_of
from analysis.curves import Curve
from analysis.laws import Floats

Bound = Literal["exact", "at least", "at most"]


@dataclass(frozen=True)
class Multiplier:
    """M(N) of a label at one size, read within what was measured of the baseline and never beyond.

    Attributes:
        value: the multiplier, or its bound where `bound` is not "exact".
        bound: "at least" where the error lies below all that the baseline reached, "at most" where above.
        low, high: 95 % interval. Draws that leave the baseline's range are held at its ends, so:
        low_open, high_open: that end of the interval is where the baseline's runs stop; the truth may lie beyond.
    """

    label: str
    size: int
    value: float
    bound: Bound
    low: float
    high: float
    low_open: bool
    high_open: bool

    def __str__(self) -> str:
        """E.g. "1.93x", or ">= 2.00x (beyond the baseline's largest run)"."""
        if self.bound == "at least":
            return f">= {self.value:#.3g}x (beyond the baseline's largest run)"
        if self.bound == "at most":
            return f"<= {self.value:#.3g}x (short of the baseline's smallest run)"
        return f"{self.value:#.3g}x"

    def interval_text(self) -> str:
        """E.g. "1.50 to 2.40", "1.50 to > 4.00" where the upper end is open, "> 4.00" where all of it lies beyond."""
        low, high = f"{self.low:#.3g}", f"{self.high:#.3g}"
        if low == high and (self.low_open or self.high_open):
            return f"< {low}" if self.low_open else f"> {high}"
        return f"{'< ' if self.low_open else ''}{low} to {'> ' if self.high_open else ''}{high}"


def multiplier(
    cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey], baseline: Curve, label: str, size: int
) -> Multiplier:
    """M(N) of `label` at N = `size`. Each draw inverts its own fit of the baseline.

    Raises:
        ValueError: the baseline's law does not fall with N.
        InputError: no such runs.
    """
    measured = [cells[baseline.label, n].error for n in baseline.sizes]
    error = draws.error[label, size]
    smallest, largest = baseline.fit.smallest, baseline.fit.largest
    reached = float(baseline.fit.law.invert(error))  # N_baseline(err)
    bound: Bound = "exact"
    if error < min(measured) or reached > largest:
        bound, reached = "at least", min(reached, largest)
    elif error > max(measured) or reached < smallest:
        bound, reached = "at most", max(reached, smallest)
    low, high = percentile_interval(np.clip(_invert_draws(baseline, draws.resampled[label, size]), smallest, largest))
    return Multiplier(
        label, size, reached / size, bound, low / size, high / size, bool(low <= smallest), bool(high >= largest)
    )


def multipliers(cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey], baseline: Curve) -> list[Multiplier]:
    """M(N) of every other label at each of its sizes. Raises ValueError as `multiplier` does."""
    labels = sorted({label for label, _ in cells} - {baseline.label})
    return [multiplier(cells, draws, baseline, label, size) for label in labels for size in sizes_of(cells, label)]


def _invert_draws(baseline: Curve, errors: Floats) -> Floats:
    """N at which each draw's baseline law reaches that draw's error, (B,) from (B,).

    Where a draw's law does not fall, no amount of data reaches a lower error: infinite, or 0 for a higher one.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = baseline.log_amplitudes - np.log(errors)
        logs = gain / baseline.exponents
    at_largest = gain - baseline.exponents * np.log(baseline.fit.largest)
    logs = np.where(baseline.exponents > 0, logs, np.where(at_largest > 0, np.inf, -np.inf))
    return np.asarray(np.exp(np.clip(logs, -700, 700)))  # the ends are clipped to the measured range anyway
