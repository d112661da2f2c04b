"""The mean multiplier of a label over its sizes, and whether the multiplier changes with N.

Where the baseline's runs stop, M(N) is a bound. Leaving such sizes out would bias the mean: they are the best sizes of
the best methods. Including all would make every mean a bound, because at the largest N no multiplier above 1 can be
read. So a bound counts where it disagrees with the mean of the other sizes, and then the mean is a bound, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import SizeKey
from analysis.stats.bootstrap import Draws, percentile_interval
from analysis.study.baseline_law import BaselineLaw
from analysis.study.multipliers import Bound, Multiplier, bounded_text, interval_text

TAIL = 0.025  # share of the draws that a 95 % interval leaves out at either end


@dataclass(frozen=True)
class Summary:
    """The geometric mean of a label's M(N) over some sizes, and the trend of M over all sizes.

    Attributes:
        sizes: ascending, the N that the mean covers: those at which M(N) is exact, and those at which it is a bound
            that the mean of the exact ones does not satisfy.
        value, bound, low, high, low_open, high_open: the mean with its 95 % interval, as in `Multiplier`. Draws that
            leave the baseline's measured range are read from its law for one more range on either side, those of a
            bound to the end of its runs. An end is open where a bound counts, or where more draws go beyond than the
            interval leaves out.
        trend, trend_low, trend_high: the factor by which M changes as N doubles, with its interval: least squares of
            log M on log N over all sizes except those below the baseline's floor, with the baseline's law extrapolated
            beyond its range (without those sizes the trend would be biased towards none). None with a single size.
    """

    label: str
    sizes: tuple[int, ...]
    value: float
    bound: Bound
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

    def short(self) -> str:
        """The mean as text, as in `Multiplier`."""
        return bounded_text(self.value, self.bound)

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
        if exact:
            mean = _mean(draws, baseline_law, spent, exact)
            kept = [one for one in of_label if one.bound == "exact" or _disagrees(one, mean)]
            if len(kept) > len(exact):
                mean = _mean(draws, baseline_law, spent, kept)
            sizes = [one.size for one in of_label if not one.infinite and draws.error[label, one.size] > 0]
            summaries.append(_with_trend(mean, draws, baseline_law, spent, sizes))
    return summaries


def _disagrees(one: Multiplier, mean: Summary) -> bool:
    """Whether the mean of the exact multipliers lies outside the interval of `one`, a bound."""
    if one.bound == "at least":
        return one.low > mean.value and not one.low_open
    return one.high < mean.value and not one.high_open


def _mean(
    draws: Draws[SizeKey], baseline_law: BaselineLaw, spent: Mapping[SizeKey, float], over: Sequence[Multiplier]
) -> Summary:
    """The mean over the sizes of `over`."""
    label, sizes = over[0].label, tuple(one.size for one in over)
    reached, paid = _reached(draws, baseline_law, spent, label, sizes)
    first, last = _ends(baseline_law)
    held = np.clip(reached, first, last)
    is_bound = [one.bound != "exact" for one in over]
    held[is_bound] = np.clip(held[is_bound], np.log(baseline_law.smallest), np.log(baseline_law.largest))
    low, high = np.exp(percentile_interval((held - paid).mean(axis=0)))
    bounds: set[Bound] = {one.bound for one in over if one.bound != "exact"}
    return Summary(
        label,
        sizes,
        float(np.exp(np.mean([np.log(one.value) for one in over]))),
        next(iter(bounds)) if len(bounds) == 1 else "exact",  # with bounds of both kinds both ends are open
        float(low),
        float(high),
        "at most" in bounds or bool((reached <= first).any(axis=0).mean() > TAIL),
        "at least" in bounds or bool((reached >= last).any(axis=0).mean() > TAIL),
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
    ends = _ends(baseline_law)
    logs = np.log(sizes) - np.log(sizes).mean()
    doubling = logs / (logs**2).sum() * np.log(2)
    low, high = np.exp(percentile_interval(doubling @ (np.clip(reached, *ends) - paid)))
    trend = np.exp(doubling @ (np.clip(measured, *ends) - paid[:, 0]))
    return replace(mean, trend=float(trend), trend_low=float(low), trend_high=float(high))


def _ends(baseline_law: BaselineLaw) -> tuple[float, float]:
    """Logs of the ends of spending within which the baseline's law is read: three times its measured range."""
    first, last = np.log(baseline_law.smallest), np.log(baseline_law.largest)
    return 2 * first - last, 2 * last - first


def _reached(
    draws: Draws[SizeKey], baseline_law: BaselineLaw, spent: Mapping[SizeKey, float], label: str, sizes: Sequence[int]
) -> tuple[Floats, Floats]:
    """Logs of the spending that the baseline needs in every draw (K, B), and of the label's spending (K, 1)."""
    reached = np.stack([baseline_law.log_reached(draws.resampled[label, size]) for size in sizes])
    return reached, np.log([spent[label, size] for size in sizes])[:, None]
