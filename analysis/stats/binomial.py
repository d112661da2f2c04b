"""Binomial counts: log-likelihood and the Wilson interval."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def log_likelihood(log_rate: npt.ArrayLike, wrong: npt.ArrayLike, tested: npt.ArrayLike) -> Floats:
    """Elementwise log-likelihood of `wrong` out of `tested` at error rate exp(log_rate), log_rate <= 0.

    The binomial coefficient is left out: it does not depend on any parameter, and without it pooled and separate seeds
    give the same number. At a rate of 1 it is -inf unless all answers are incorrect. Counts may be fractional.
    """
    log_rate, wrong = np.asarray(log_rate, dtype=float), np.asarray(wrong, dtype=float)
    right = np.asarray(tested, dtype=float) - wrong
    with np.errstate(divide="ignore", invalid="ignore"):
        on_right = right * np.log(-np.expm1(log_rate))
    return np.asarray(wrong * log_rate + np.where(right > 0, on_right, 0.0))


def wilson(wrong: int, tested: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson score interval of a share, as fractions; z = 1.96 gives 95 %.

    Raises:
        ValueError: unless 0 <= wrong <= tested and tested >= 1.
    """
    if not (tested >= 1 and 0 <= wrong <= tested):
        raise ValueError(f"{wrong} incorrect of {tested} tested is not a share")
    share, square = wrong / tested, z * z
    centre = (share + square / (2 * tested)) / (1 + square / tested)
    half = z / (1 + square / tested) * math.sqrt(share * (1 - share) / tested + square / (4 * tested**2))
    return (0.0 if wrong == 0 else centre - half, 1.0 if wrong == tested else centre + half)
