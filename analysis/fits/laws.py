"""Laws of test error or loss against training problems. All arithmetic is in logs: N may reach 10^12 and beyond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats

LawName = Literal[
    "power",
    "floor",
    "rectified",
    "turning",
    "sigmoid",
    "broken",
    "broken-floor",
    "twice-broken",
    "twice-broken-floor",
]
LAW_NAMES: tuple[LawName, ...] = get_args(LawName)


class Law(Protocol):
    """A law of one size, as every fit returns it."""

    def predict(self, size: npt.ArrayLike) -> Floats:
        """Error at sizes N, of any shape."""

    def invert(self, error: npt.ArrayLike) -> Floats:
        """The size N at which the law reaches an error, of any shape; infinite below its smallest error.

        Raises:
            ValueError: the law does not fall with N.
        """


@dataclass(frozen=True)
class PowerLaw:
    """error(N) = amplitude * N ** -exponent, with N in problems and error as a fraction (or a loss in its own units).

    A negative exponent, error that rises with N, is allowed: positive-only data may show it.
    """

    amplitude: float
    exponent: float

    def predict(self, size: npt.ArrayLike) -> Floats:
        """Error at sizes N, of any shape; a fraction may pass 1 outside the range that was fitted."""
        log_error = np.log(self.amplitude) - self.exponent * np.log(np.asarray(size, dtype=float))
        return np.asarray(np.exp(log_error))

    def invert(self, error: npt.ArrayLike) -> Floats:
        """The size N at which the law reaches an error, of any shape; infinite for an error of 0.

        Raises:
            ValueError: the exponent is not positive, so that no size corresponds to an error.
        """
        _must_fall(self.exponent)
        with np.errstate(divide="ignore", over="ignore"):
            log_error = np.log(np.asarray(error, dtype=float))
            return np.asarray(np.exp((np.log(self.amplitude) - log_error) / self.exponent))


@dataclass(frozen=True)
class FloorLaw:
    """error(N) = floor + amplitude * N ** -exponent. With an amplitude of 0 it is flat and the exponent is meaningless.

    A negative exponent makes it rise, from the floor at small N.
    """

    floor: float
    amplitude: float
    exponent: float

    def predict(self, size: npt.ArrayLike) -> Floats:
        """Error at sizes N, of any shape."""
        return np.asarray(self.floor + _power(self.amplitude, self.exponent, size))

    def invert(self, error: npt.ArrayLike) -> Floats:
        """The size N at which the law reaches an error, of any shape; infinite at the floor and below it.

        Raises:
            ValueError: the law does not fall with N.
        """
        _must_fall(self.exponent if self.amplitude > 0 else 0.0)
        above = np.maximum(np.asarray(error, dtype=float) - self.floor, 0.0)
        return PowerLaw(self.amplitude, self.exponent).invert(above)


@dataclass(frozen=True)
class RectifiedLaw:
    """error(N) = floor + amplitude / (prelearned + N ** exponent), of Lin et al. 2024 (arXiv 2402.02314).

    Pretraining counts as `prelearned` (their D_l) units of N ** exponent, so the curve is nearly flat before it becomes
    a power law. With 0 it is the law with a floor.
    """

    floor: float
    amplitude: float
    prelearned: float
    exponent: float

    def predict(self, size: npt.ArrayLike) -> Floats:
        """Error at sizes N, of any shape."""
        with np.errstate(divide="ignore"):
            logs = np.log(self.amplitude) - np.logaddexp(
                np.log(self.prelearned), self.exponent * np.log(np.asarray(size, dtype=float))
            )
        return np.asarray(self.floor + np.exp(logs))

    def invert(self, error: npt.ArrayLike) -> Floats:
        """The size N at which the law reaches an error; infinite at the floor, 0 for an error above that of no data.

        Raises:
            ValueError: the law does not fall with N.
        """
        _must_fall(self.exponent if self.amplitude > 0 else 0.0)
        with np.errstate(divide="ignore"):
            above = np.maximum(np.asarray(error, dtype=float) - self.floor, 0.0)
            powers = np.maximum(self.amplitude / above - self.prelearned, 0.0)  # N ** exponent
            return np.asarray(np.exp(np.log(powers) / self.exponent))


@dataclass(frozen=True)
class SigmoidLaw:
    """start + (asymptote - start) / (1 + (midpoint / C) ** exponent): the sigmoid of ScaleRL (arXiv 2510.13786, eq. 1).

    Their R0, A, C_mid and B. C is compute or any other size; at the midpoint half of the change is done. The value
    rises (a pass rate) or falls (an error). Falling, it is the rectified law with floor = asymptote,
    prelearned = midpoint ** exponent and amplitude = (start - asymptote) * prelearned. The sigmoid of 1 - value has
    1 - asymptote, 1 - start, and the same midpoint and exponent.
    """

    asymptote: float
    start: float
    midpoint: float
    exponent: float

    def predict(self, size: npt.ArrayLike) -> Floats:
        """The value at sizes C, of any shape."""
        past = self.exponent * (np.log(np.asarray(size, dtype=float)) - np.log(self.midpoint))
        return np.asarray(self.asymptote + (self.start - self.asymptote) * np.exp(-np.logaddexp(0.0, past)))

    def invert(self, error: npt.ArrayLike) -> Floats:
        """The size at which the law reaches a value: 0 before its start, infinite at its asymptote and beyond.

        Raises:
            ValueError: start and asymptote are equal.
        """
        if self.start == self.asymptote or not self.exponent > 0:
            raise ValueError("a sigmoid that does not change with N cannot be inverted")
        left = (np.asarray(error, dtype=float) - self.asymptote) / (self.start - self.asymptote)
        with np.errstate(over="ignore", divide="ignore"):
            left = np.clip(left, 0.0, 1.0)
            return np.asarray(self.midpoint * np.exp((np.log1p(-left) - np.log(left)) / self.exponent))


@dataclass(frozen=True)
class TurningLaw:
    """error(N) = amplitude * N ** -exponent + rise * N ** rise_exponent: falls, then may turn upward.

    A broken neural scaling law with one break and no floor (Caballero et al. 2023, arXiv 2210.14891), its sharpness
    tied to its two exponents: their a + b N^-c0 (1 + (N / d)^(1 / f))^(-c1 f) with a = 0, c0 = `exponent`,
    1 / f = -c1 = `exponent` + `rise_exponent`, and d where both terms are equal. Free sharpness and floor would
    need two more parameters than the few sizes of a sweep support. The form tests whether too many positives hurt:
    with a rise_exponent of 0 `rise` is a floor, so a curve turns upward, rather than flattening, if its rise_exponent
    is above 0. It turns at most once, and two of its parameters are linear.
    """

    amplitude: float
    exponent: float
    rise: float
    rise_exponent: float

    def predict(self, size: npt.ArrayLike) -> Floats:
        """Error at sizes N, of any shape."""
        return np.asarray(_power(self.amplitude, self.exponent, size) + _power(self.rise, -self.rise_exponent, size))

    @property
    def turning_point(self) -> float:
        """The N of least error; infinite where the law only falls, 0 where it only rises."""
        falls, rises = self.amplitude * self.exponent, self.rise * self.rise_exponent
        if rises == 0:
            return np.inf
        if falls == 0:
            return 0.0
        return float(np.exp(np.log(falls / rises) / (self.exponent + self.rise_exponent)))

    def invert(self, error: npt.ArrayLike) -> Floats:
        """The smallest N at which the law reaches an error, of any shape; infinite below its least error.

        Raises:
            ValueError: the law does not fall with N anywhere.
        """
        from scipy.optimize import brentq  # a slow import, needed nowhere else here

        _must_fall(self.exponent if self.amplitude > 0 else 0.0)
        if self.rise == 0:
            return PowerLaw(self.amplitude, self.exponent).invert(error)
        if self.rise_exponent == 0:
            return FloorLaw(self.rise, self.amplitude, self.exponent).invert(error)
        turn = self.turning_point
        least = float(self.predict(turn))

        def reach(target: float) -> float:
            if target < least:
                return np.inf
            first = PowerLaw(self.amplitude, self.exponent).invert(target)  # still above: the rise is left out
            ends = np.log(min(float(first), turn)), np.log(turn)
            if float(self.predict(np.exp(ends[0]))) <= target:
                return float(np.exp(ends[0]))
            return float(np.exp(brentq(lambda log_size: float(self.predict(np.exp(log_size))) - target, *ends)))

        targets = np.asarray(error, dtype=float)
        return np.array([reach(target) for target in targets.ravel()]).reshape(targets.shape)


def _power(amplitude: float, exponent: float, size: npt.ArrayLike) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(np.log(amplitude) - exponent * np.log(np.asarray(size, dtype=float))))


def _must_fall(exponent: float) -> None:
    if exponent <= 0:
        raise ValueError(f"a law with exponent {exponent:.3g} does not fall with N and cannot be inverted")
