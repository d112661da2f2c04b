"""Paired differences of test error, between labels at one N and along one label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.bootstrap import Draws, percentile_interval
from analysis.cells import Cell, SizeKey, sizes_of

Verdict = Literal["below", "above", "not resolved"]


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
        """Whether the label's error lies below or above the other's: the interval excludes 0."""
        if self.high < 0:
            return "below"
        return "above" if self.low > 0 else "not resolved"


def difference(draws: Draws[SizeKey], key: SizeKey, other: SizeKey) -> Difference:
    """The paired difference of two cells. Raises KeyError for a cell that was not drawn."""
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
    """Each size of a label against the one `apart` places smaller: can the study see that much data at all?

    Raises:
        InputError: a label without runs.
    """
    sizes = sizes_of(cells, label)
    return [
        difference(draws, (label, large), (label, small)) for small, large in zip(sizes, sizes[apart:], strict=False)
    ]
