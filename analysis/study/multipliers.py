"""Multipliers: how many times a method's data or FLOPs the baseline would need to reach the same error.

In data M(N) = N_baseline(error(N)) / N; in compute the same with FLOPs in place of N. Both are read from the baseline's
law within its measured range, and never beyond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.data.cells import SizeKey
from analysis.fits.laws import FloorLaw, RectifiedLaw
from analysis.stats.bootstrap import Draws, percentile_interval
from analysis.study.baseline_law import BaselineLaw

Bound = Literal["exact", "at least", "at most"]


@dataclass(frozen=True)
class Multiplier:
    """M(N) of a label at one size, read within the measured range of the baseline.

    Attributes:
        value: the multiplier, or its bound where `bound` is not "exact".
        bound: "at least" where the error lies below all errors of the baseline, "at most" where above.
        low, high: 95 % interval; draws beyond the baseline's range are clipped to its ends.
        low_open, high_open: that end of the interval is where the baseline's runs stop; the truth may lie beyond.
        infinite: the error lies below the floor of the baseline's law, which no amount of data reaches.
    """

    label: str
    size: int
    value: float
    bound: Bound
    low: float
    high: float
    low_open: bool
    high_open: bool
    infinite: bool = False

    def __str__(self) -> str:
        """E.g. "1.93x", or ">= 2.00x (beyond the baseline's largest run)"."""
        if self.infinite:
            return f"{self.short()} (below the floor of the baseline's law)"
        if self.bound == "at least":
            return f"{self.short()} (beyond the baseline's largest run)"
        if self.bound == "at most":
            return f"{self.short()} (short of the baseline's smallest run)"
        return self.short()

    def short(self) -> str:
        """E.g. "1.93x", ">= 2.00x", or ">= 2.00x, infinite"."""
        return f"{bounded_text(self.value, self.bound)}{', infinite' if self.infinite else ''}"

    def interval_text(self) -> str:
        """The interval as text; see the function of that name."""
        return interval_text(self.low, self.high, self.low_open, self.high_open)


def bounded_text(value: float, bound: Bound) -> str:
    """E.g. "1.93x", or ">= 2.00x"."""
    sign = {"exact": "", "at least": ">= ", "at most": "<= "}[bound]
    return f"{sign}{value:#.3g}x"


def interval_text(low: float, high: float, low_open: bool, high_open: bool) -> str:
    """E.g. "1.50 to 2.40", "1.50 to > 4.00" where the upper end is open, "> 4.00" where it lies beyond entirely."""
    low_text, high_text = f"{low:#.3g}", f"{high:#.3g}"
    if low_text == high_text and (low_open or high_open):
        return f"< {low_text}" if low_open else f"> {high_text}"
    return f"{'< ' if low_open else ''}{low_text} to {'> ' if high_open else ''}{high_text}"


def read_multipliers(
    draws: Draws[SizeKey], baseline_law: BaselineLaw, spent: Mapping[SizeKey, float]
) -> list[Multiplier]:
    """The multiplier of every cell in `spent` that is not the baseline's, by label and size.

    Raises:
        ValueError: the baseline's law does not fall.
    """
    others = sorted(key for key in spent if key[0] != baseline_law.label)
    return [_multiplier(draws, baseline_law, *key, spent[key]) for key in others]


def _multiplier(draws: Draws[SizeKey], baseline_law: BaselineLaw, label: str, size: int, spent: float) -> Multiplier:
    error = draws.error[label, size]
    smallest, largest = baseline_law.smallest, baseline_law.largest
    reached = float(baseline_law.law.invert(error))
    infinite = isinstance(baseline_law.law, FloorLaw | RectifiedLaw) and error <= baseline_law.law.floor
    bound: Bound = "exact"
    if error < min(baseline_law.errors) or reached > largest:
        bound, reached = "at least", min(reached, largest)
    elif error > max(baseline_law.errors) or reached < smallest:
        bound, reached = "at most", max(reached, smallest)
    logs = baseline_law.log_reached(draws.resampled[label, size])
    low, high = percentile_interval(np.clip(np.exp(logs), smallest, largest))
    return Multiplier(
        label,
        size,
        reached / spent,
        bound,
        low / spent,
        high / spent,
        bool(low <= smallest),
        bool(high >= largest),
        infinite,
    )
