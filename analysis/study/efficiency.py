"""Relative data and compute efficiency: how much more the baseline would have to spend, by label and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.data.cells import SizeKey
from analysis.fits.laws import Law
from analysis.stats.bootstrap import Draws
from analysis.study.curves import Curve
from analysis.study.mean_multipliers import Summary, summarise
from analysis.study.multipliers import Multiplier, read_multipliers


@dataclass(frozen=True)
class RelativeEfficiency:
    """The labels' multipliers against the baseline, in one unit of spending: problems or FLOPs.

    Attributes:
        multipliers: by label and size; empty, with the `reason`, where the baseline's law cannot be inverted.
        summaries: one per label that has an exact multiplier.
        law: the baseline's law that the multipliers are read from; None without multipliers.
        misses: the baseline's N at which that law misses its error by more than noise; multipliers inherit that error.
        reason: why there are no multipliers; empty if there are.
    """

    multipliers: tuple[Multiplier, ...]
    summaries: tuple[Summary, ...]
    law: Law | None
    misses: tuple[int, ...]
    reason: str


def no_efficiency(reason: str) -> RelativeEfficiency:
    """A relative efficiency without multipliers."""
    return RelativeEfficiency((), (), None, (), reason)


def relative_efficiency(
    draws: Draws[SizeKey], baseline: Curve, spent: Mapping[SizeKey, float], unit: str
) -> RelativeEfficiency:
    """Multipliers and summaries of every other cell in `spent`, read from the baseline's curve against `unit`."""
    law = baseline.baseline_law
    try:
        multipliers = read_multipliers(draws, law, spent)
    except ValueError:
        return no_efficiency(f"its error does not fall with {unit}")
    misses = tuple(baseline.sizes[place] for place in law.misses(baseline.resampled))
    summaries = summarise(draws, law, spent, multipliers)
    return RelativeEfficiency(tuple(multipliers), tuple(summaries), law.law, misses, "")
