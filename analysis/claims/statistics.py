"""Statistics and phrases that several claims share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.stats.estimates import Points
from analysis.stats.variance import Statistic


def log_ratio(points: Points, pairs: Sequence[tuple[Any, Any]]) -> Statistic:
    """The mean over pairs of keys of log error(first) - log error(second).

    Half an error is added to each count, so that a cell without errors has a logarithm.
    """

    def statistic(errors: Mapping[Any, Floats]) -> Floats:
        logs = {
            key: np.log((errors[key] * points[key].independent + 0.5) / (points[key].independent + 1))
            for pair in pairs
            for key in pair
        }
        return np.asarray(np.mean([logs[first] - logs[second] for first, second in pairs], axis=0))

    return statistic


def by_size(sizes: Sequence[int], texts: Sequence[str]) -> str:
    """E.g. "N = 100: 1.4x, 200: 1.5x"."""
    return "N = " + ", ".join(f"{size}: {text}" for size, text in zip(sizes, texts, strict=True))
