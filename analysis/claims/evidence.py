"""The rows of one task as the claims look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import Cell, SizeKey, size_cells
from analysis.data.results import Results
from analysis.stats.estimates import Points, Sample
from analysis.stats.variance import Statistic

BASELINE = "sft"


@dataclass(frozen=True)
class Evidence:
    """The results of one task, and how many bootstrap draws a claim may take."""

    results: Results
    task: str
    draws: int

    @cached_property
    def sample(self) -> Sample:
        """The cells of error against N, by (label, N); empty if there are no such rows."""
        return Sample(size_cells(self.results), self.draws)

    @property
    def size(self) -> Mapping[SizeKey, Cell]:
        """The cells of `sample`."""
        return self.sample.points

    def error(self, label: str, size: int) -> float:
        """Measured error of one of them."""
        return self.size[label, size].error

    def sizes(self, *labels: str) -> list[int]:
        """The N at which all of these labels were run, ascending."""
        own = [{size for name, size in self.size if name == label} for label in labels]
        return sorted(set.intersection(*own))


def log_ratio(points: Points, pairs: Sequence[tuple[Any, Any]]) -> Statistic:
    """Mean over pairs of keys of log error(first) - log error(second), half an error added so that none lacks one."""

    def statistic(errors: Mapping[Any, Floats]) -> Floats:
        logs = {
            key: np.log((errors[key] * points[key].tested + 0.5) / (points[key].tested + 1))
            for pair in pairs
            for key in pair
        }
        return np.asarray(np.mean([logs[first] - logs[second] for first, second in pairs], axis=0))

    return statistic


def by_size(sizes: Sequence[int], texts: Sequence[str]) -> str:
    """E.g. "N = 100: 1.4x, 200: 1.5x"."""
    return "N = " + ", ".join(f"{size}: {text}" for size, text in zip(sizes, texts, strict=True))
