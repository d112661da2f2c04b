"""Broken neural scaling laws (Caballero et al. 2023, arXiv 2210.14891, eq. 1) with one and two breaks.

error(N) = floor + amplitude N^-exponent prod_i (1 + (N / break_i)^(1 / width_i))^(-change_i width_i): in their letters
a, b, c0, d_i, f_i and c_i. The exponent is `exponent` below the first break and grows by change_i across break i;
within a factor of about e^(2 width_i) of a break it is between both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats

INVERTED = np.linspace(-40.0, 100.0, 14_001)  # logs of N in which an error is sought
HALVINGS = 50  # of a step of that grid


class _Broken:
    """The common functions. A law is a frozen dataclass with its parameters in the order of the fit."""

    amplitude: float
    exponent: float
    BREAKS: ClassVar[tuple[str, ...]] = ("",)

    def predict(self, size: npt.ArrayLike) -> Floats:
        """Error at sizes N, of any shape."""
        return self._at_logs(np.log(np.asarray(size, dtype=float)))

    def invert(self, error: npt.ArrayLike) -> Floats:
        """The smallest N at which the law falls to an error, of any shape: 0 where it begins below.

        It is infinite for an error that the law never reaches. N is sought from e^-40 to e^100.

        Raises:
            ValueError: the law does not fall with N anywhere.
        """
        targets = np.asarray(error, dtype=float)
        values = self._at_logs(INVERTED)
        if not (np.diff(values) < 0).any():
            raise ValueError("a law that falls with N nowhere cannot be inverted")
        reached = np.minimum.accumulate(values) <= targets.ravel()[:, None]
        there, first = reached.any(axis=1), reached.argmax(axis=1)
        low, high = INVERTED[np.maximum(first - 1, 0)], INVERTED[first]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = self._at_logs(middle) <= targets.ravel()
            low, high = np.where(below, low, middle), np.where(below, middle, high)
        sizes = np.where(there, np.where(first == 0, 0.0, np.exp(high)), np.inf)
        return sizes.reshape(targets.shape)

    def exponents(self) -> tuple[float, ...]:
        """The exponents between the breaks, the smallest N first."""
        changes = [getattr(self, f"{name}change") for name in self.BREAKS]
        return tuple(float(value) for value in np.cumsum([self.exponent, *changes]))

    @np.errstate(over="ignore", divide="ignore")
    def _at_logs(self, logs: Floats) -> Floats:
        powers = np.log(self.amplitude) - self.exponent * logs
        for name in self.BREAKS:
            place, change, width = (getattr(self, f"{name}{what}") for what in ("break_size", "change", "width"))
            powers = powers - change * width * np.logaddexp(0.0, (logs - np.log(place)) / width)
        return np.asarray(getattr(self, "floor", 0.0) + np.exp(powers))


@dataclass(frozen=True)
class BrokenLaw(_Broken):
    """One break and no floor."""

    amplitude: float
    exponent: float
    break_size: float
    change: float
    width: float


@dataclass(frozen=True)
class BrokenFloorLaw(_Broken):
    """One break and a floor."""

    floor: float
    amplitude: float
    exponent: float
    break_size: float
    change: float
    width: float


@dataclass(frozen=True)
class TwiceBrokenLaw(BrokenLaw):
    """Two breaks and no floor; `second_break_size` is the larger."""

    BREAKS: ClassVar[tuple[str, ...]] = ("", "second_")
    second_break_size: float
    second_change: float
    second_width: float


@dataclass(frozen=True)
class TwiceBrokenFloorLaw(BrokenFloorLaw):
    """Two breaks and a floor; `second_break_size` is the larger."""

    BREAKS: ClassVar[tuple[str, ...]] = ("", "second_")
    second_break_size: float
    second_change: float
    second_width: float
