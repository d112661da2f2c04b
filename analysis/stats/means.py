"""The mean over seeds with Student's t interval, for numbers that rows give per run and not per problem."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.defaults import LEVEL


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean and its 95 % interval by Student's t; for a single value, that value three times."""
    from scipy.special import stdtrit  # scipy loads slowly

    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    half = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half
