"""The result of fitting a law to data, and functions that every kind of fit needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats
from analysis.fits.laws import Law

AnyLaw = TypeVar("AnyLaw", covariant=True)


@dataclass(frozen=True)
class Fit(Generic[AnyLaw]):
    """A fitted law.

    Attributes:
        law: the law of maximum likelihood (of minimum robust loss, for values).
        log_likelihood: at the maximum; for counts without the binomial coefficients, so that only fits to the same
            counts are comparable.
        smallest, largest: the fitted range of N, in problems.
        bounded: the maximum lies on a bound (a rate of 1, or of nothing), so the exponent is a limit, not an estimate.
        free: number of parameters that maximise the likelihood; a scale of the values counts as one.
        residuals: (K,) one per point: Pearson's for counts, log observed - log fitted for values.
        covariance: of the law's parameters in their order, with the logs of `amplitude`, `rise`, `prelearned` and
            `negative_amplitude`; a coefficient of 0 is fixed. For counts the inverse of the observed information
            times the overdispersion; for least squares of values the usual one. None on a bound, where a parameter
            is not identified, and for robust losses: use bootstrap draws.
    """

    law: AnyLaw
    log_likelihood: float
    smallest: float
    largest: float
    bounded: bool
    free: int
    residuals: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...] | None

    @property
    def parameters(self) -> dict[str, float]:
        """The law's parameters by name."""
        return parameters(self.law)

    @property
    def aicc(self) -> float:
        """Akaike's criterion corrected for few points; infinite where there are too few."""
        return aicc(self.log_likelihood, self.free, len(self.residuals))

    def predict(self: Fit[Law], size: npt.ArrayLike) -> Floats:
        """The law's error at sizes N, of any shape."""
        return self.law.predict(size)

    def invert(self: Fit[Law], error: npt.ArrayLike) -> Floats:
        """The size at which the law reaches an error, of any shape. Raises ValueError for a law that does not fall."""
        return self.law.invert(error)


def parameters(law: Any) -> dict[str, float]:
    """A law's parameters by name, in its order."""
    return {field.name: getattr(law, field.name) for field in fields(law)}


def aicc(log_likelihood: float, free: int, points: int) -> float:
    """Akaike's criterion with the correction of Hurvich and Tsai (1989, Biometrika 76) for few points."""
    if points - free - 1 <= 0:
        return math.inf
    return -2 * log_likelihood + 2 * free * points / (points - free - 1)


def pearson(wrong: Floats, tested: Floats, rate: Floats) -> Floats:
    """Pearson's residuals of counts at fitted rates, elementwise; 0 where the rate implies no variance."""
    variance = tested * rate * (1 - rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, (wrong - tested * rate) / np.sqrt(variance), 0.0)


def pearson_dispersion(residuals: Floats, free: int) -> float:
    """The variance of the residuals (K,) relative to chance, at least 1; 1 without degrees of freedom."""
    spare = len(residuals) - free
    return max(1.0, float((residuals**2).sum()) / spare) if spare > 0 else 1.0


def counts(*columns: npt.ArrayLike) -> tuple[Floats, ...]:
    """One or two columns of sizes, then wrong and tested, as arrays (K,) that can be fitted.

    Raises:
        ValueError: shapes that differ, invalid counts, or no errors at all.
    """
    *sizes, wrong, tested = arrays = tuple(np.asarray(column, dtype=float) for column in columns)
    if len({array.shape for array in arrays}) > 1 or wrong.ndim != 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"sizes, wrong and tested differ in shape: {shapes}")
    if not (
        np.all(np.isfinite(arrays))
        and np.all(sizes[0] > 0)
        and np.all(tested > 0)
        and np.all(wrong >= 0)
        and np.all(wrong <= tested)
    ):
        raise ValueError("sizes and tested must be positive, and wrong between 0 and tested")
    if not np.any(wrong):
        raise ValueError("no answer was incorrect at any size: there is no error to fit")
    return arrays


def size_range(sizes: Floats) -> tuple[float, float]:
    """The smallest and the largest size, as integers where they are whole."""
    low, high = (int(end) if end == int(end) else float(end) for end in (sizes.min(), sizes.max()))
    return low, high


def rows(matrix: Floats | None, scale: float = 1.0) -> tuple[tuple[float, ...], ...] | None:
    """A matrix times a number as a tuple of its rows."""
    return None if matrix is None else tuple(map(tuple, (scale * matrix).tolist()))
