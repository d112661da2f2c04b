"""The mean multiplier of a label over its sizes, and whether the multiplier changes with N."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import SizeKey
from analysis.stats.bootstrap import Draws, percentile_interval
from analysis.study.baseline_law import BaselineLaw
from analysis.study.multipliers import Multiplier, interval_text


@dataclass(frozen=True)
class Summary:
    """The geometric mean of a label's M(N) over some sizes, and the trend of M over all sizes.

    Attributes:
        sizes: ascending, the N at which the whole interval of M(N) lies within the measured range of the baseline;
            if there are none, those at which M(N) itself does. The mean covers these sizes only.
        value, low, high, low_open, high_open: the mean with its 95 % interval, as in `Multiplier`.
        trend, trend_low, trend_high: the factor by which M changes as N doubles, with its interval: least squares of
            log M on log N over all sizes except those below the baseline's floor, with the baseline's law extrapolated
            beyond its range (without those sizes the trend would be biased towards none). None with a single size.
    """

    label: str
    sizes: tuple[int, ...]
    value: float
    low: float
    high: float
    low_open: bool
    high_open: bool
    trend: float | None = None
    trend_low: float | None = None
    trend_high: float | None = None

    @property
    def verdict(self) -> Literal["grows", "shrinks", "no trend seen", "one size"]:
        """Whether M changes with N beyond noise; if it does, the mean does not describe any particular N."""
        if self.trend_low is None or self.trend_high is None:
            return "one size"
        if self.trend_low > 1:
            return "grows"
        return "shrinks" if self.trend_high < 1 else "no trend seen"

    def interval_text(self) -> str:
        """The interval as text, as in `Multiplier`."""
        return interval_text(self.low, self.high, self.low_open, self.high_open)

    def range_text(self) -> str:
        """E.g. "100 to 800"."""
        return str(self.sizes[0]) if len(self.sizes) == 1 else f"{self.sizes[0]} to {self.sizes[-1]}"


def summarise(
    draws: Draws[SizeKey], baseline_law: BaselineLaw, spent: Mapping[SizeKey, float], multipliers: Sequence[Multiplier]
) -> list[Summary]:
    """The summary of every label in `multipliers`, which this baseline law gave; none for a label with bounds only."""
    summaries = []
    for label in sorted({one.label for one in multipliers}):
        of_label = [one for one in multipliers if one.label == label]
        exact = [one for one in of_label if one.bound == "exact"]
        closed = [one for one in exact if not (one.low_open or one.high_open)]
        if exact:
            mean = _mean(draws, baseline_law, spent, closed or exact)
            sizes = [one.size for one in of_label if not one.infinite and draws.error[label, one.size] > 0]
            summaries.append(_with_trend(mean, draws, baseline_law, spent, sizes))
    return summaries


def _mean(
    draws: Draws[SizeKey], baseline_law: BaselineLaw, spent: Mapping[SizeKey, float], over: Sequence[Multiplier]
) -> Summary:
    """The mean over the sizes of `over`; draws beyond the baseline's range are clipped, as in `Multiplier`."""
    label, sizes = over[0].label, tuple(one.size for one in over)
    reached, paid = _reached(draws, baseline_law, spent, label, sizes)
    held = np.clip(reached, np.log(baseline_law.smallest), np.log(baseline_law.largest))
    low, high = np.exp(percentile_interval((held - paid).mean(axis=0)))
    return Summary(
        label,
        sizes,
        float(np.exp(np.mean([np.log(one.value) for one in over]))),
        float(low),
        float(high),
        any(one.low_open for one in over),
        any(one.high_open for one in over),
    )


def _with_trend(
    mean: Summary,
    draws: Draws[SizeKey],
    baseline_law: BaselineLaw,
    spent: Mapping[SizeKey, float],
    sizes: Sequence[int],
) -> Summary:
    if len(sizes) < 2:
        return mean
    reached, paid = _reached(draws, baseline_law, spent, mean.label, sizes)
    measured = np.log(baseline_law.law.invert([draws.error[mean.label, size] for size in sizes]))
    first, last = np.log(baseline_law.smallest), np.log(baseline_law.largest)
    ends = 2 * first - last, 2 * last - first  # at most one more range on either side
    logs = np.log(sizes) - np.log(sizes).mean()
    doubling = logs / (logs**2).sum() * np.log(2)
    low, high = np.exp(percentile_interval(doubling @ (np.clip(reached, *ends) - paid)))
    trend = np.exp(doubling @ (np.clip(measured, *ends) - paid[:, 0]))
    return replace(mean, trend=float(trend), trend_low=float(low), trend_high=float(high))


def _reached(
    draws: Draws[SizeKey], baseline_law: BaselineLaw, spent: Mapping[SizeKey, float], label: str, sizes: Sequence[int]
) -> tuple[Floats, Floats]:
    """Logs of the spending that the baseline needs in every draw (K, B), and of the label's spending (K, 1)."""
    reached = np.stack([baseline_law.log_reached(draws.resampled[label, size]) for size in sizes])
    return reached, np.log([spent[label, size] for size in sizes])[:, None]
