"""Quantities of a fitted law that mean the same for every law: its local exponent, and the size at which it halves."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.fits.laws import Law

STEP = 1e-4  # of log N, for the slope


def exponent_at(law: Law, size: float) -> float:
    """-d log error / d log N at a size: the exponent of the power law that touches the curve there."""
    with np.errstate(all="ignore"):
        below, above = np.log(law.predict(size * np.exp([-STEP, STEP])))
    return float((below - above) / (2 * STEP))


def derived(law: Law, smallest: float, largest: float) -> dict[str, float]:
    """By name, for the fitted range of N: exponents at its ends, the error at its end, and the N that halves the error.

    Halving is from the error at the smallest N. The N is infinite for a law that never reaches half, NaN for a law that
    does not fall.
    """
    numbers = {f"exponent at N = {size:g}": exponent_at(law, size) for size in (smallest, largest)}
    numbers[f"value at N = {largest:g}"] = float(law.predict(largest))
    try:
        numbers[f"N of half the value at {smallest:g}"] = float(law.invert(float(law.predict(smallest)) / 2))
    except ValueError:
        numbers[f"N of half the value at {smallest:g}"] = np.nan
    return numbers


def derived_draws(kind: type[Any], drawn: Floats, smallest: float, largest: float) -> Floats:
    """The same quantities (B, Q) of laws of a class with parameters (B, P)."""
    with np.errstate(all="ignore"):
        return np.array([list(derived(kind(*map(float, row)), smallest, largest).values()) for row in drawn])
