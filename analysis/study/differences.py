"""Paired differences of test error between labels and between sizes, and the share of a gain that is a method's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import Cell, SizeKey, sizes_of
from analysis.defaults import LEVEL
from analysis.stats.bootstrap import Draws, percentile_interval

Verdict = Literal["below", "above", "inconclusive"]


@dataclass(frozen=True)
class Difference:
    """error(label, size) - error(other, other_size), as fractions, with its 95 % paired interval."""

    label: str
    size: int
    other: str
    other_size: int
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Whether the label's error is below or above the other's (the interval excludes 0), or neither can be said."""
        if self.high < 0:
            return "below"
        return "above" if self.low > 0 else "inconclusive"


def difference(draws: Draws[SizeKey], key: SizeKey, other: SizeKey) -> Difference:
    """The paired difference of two cells. Raises KeyError for a cell without draws."""
    low, high = percentile_interval(draws.resampled[key] - draws.resampled[other])
    return Difference(*key, *other, draws.error[key] - draws.error[other], low, high)


def compare(
    cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey], baseline: str, label: str | None = None
) -> list[Difference]:
    """Every label (or one) against the baseline label, at each N that both were run at.

    Raises:
        InputError: a label without runs.
    """
    labels = [label] if label is not None else sorted({name for name, _ in cells} - {baseline})
    shared = set(sizes_of(cells, baseline))
    return [
        difference(draws, (name, size), (baseline, size))
        for name in labels
        for size in sizes_of(cells, name)
        if size in shared
    ]


def compare_sizes(cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey], label: str, apart: int = 2) -> list[Difference]:
    """Each size of a label against the one `apart` places smaller, to show whether the study resolves so much data.

    Raises:
        InputError: a label without runs.
    """
    sizes = sizes_of(cells, label)
    return [
        difference(draws, (label, large), (label, small)) for small, large in zip(sizes, sizes[apart:], strict=False)
    ]


@dataclass(frozen=True)
class GainShare:
    """The part of a method's gain over the baseline that a control does not have.

    Attributes:
        size: N; None for all sizes together, where points are means over N and the share is that of the sums.
        own_points, own_low, own_high: error(control) - error(method), fractions of test error, 95 % paired interval.
        share, share_low, share_high: the same divided by the gain, error(baseline) - error(method), with its interval;
            negative where the control is better than the method. None where the gain is inconclusive, and
            for an end that the draws leave open.
    """

    size: int | None
    own_points: float
    own_low: float
    own_high: float
    share: float | None
    share_low: float | None
    share_high: float | None


def gain_share(
    cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey], baseline: str, method: str, control: str
) -> list[GainShare]:
    """The share at each N that all three labels were run at, ascending, then pooled; empty without such an N.

    Raises:
        InputError: a label without runs.
    """
    sizes = sorted(set.intersection(*(set(sizes_of(cells, label)) for label in (baseline, method, control))))

    def mean(label: str, among: list[int]) -> tuple[float, Floats]:
        keys = [(label, size) for size in among]
        return (
            float(np.mean([draws.error[key] for key in keys])),
            np.asarray(np.mean([draws.resampled[key] for key in keys], axis=0)),
        )

    def share(size: int | None, among: list[int]) -> GainShare:
        (ours, our_draws), (theirs, their_draws) = mean(method, among), mean(control, among)
        whole, whole_draws = mean(baseline, among)
        gap, gap_draws = theirs - ours, their_draws - our_draws
        points = (gap, *percentile_interval(gap_draws))
        gain, gain_draws = whole - ours, whole_draws - our_draws
        if percentile_interval(gain_draws)[0] <= 0:
            return GainShare(size, *points, None, None, None)
        return GainShare(size, *points, gap / gain, *_ratio_interval(gap_draws, gain_draws))

    shares = [share(size, [size]) for size in sizes]
    return [*shares, share(None, sizes)] if sizes else []


def _ratio_interval(part: Floats, whole: Floats) -> tuple[float | None, float | None]:
    """95 % interval of part / whole, each (B,); a draw in which whole is not positive may have any ratio."""
    known = whole > 0
    ratio = part / np.where(known, whole, 1.0)
    low = np.quantile(np.where(known, ratio, -np.inf), (1 - LEVEL) / 2, method="lower")
    high = np.quantile(np.where(known, ratio, np.inf), (1 + LEVEL) / 2, method="higher")
    return (float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None)
