"""Joint laws of error over P positives and M negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats

JointName = Literal["effective", "additive"]
JOINT_LAW_NAMES: tuple[JointName, ...] = get_args(JointName)


@dataclass(frozen=True)
class EffectiveLaw:
    """error(P, M) = floor + amplitude * (P + kappa * M) ** -exponent, where a negative replaces kappa positives.

    A negative kappa means that negatives hurt.
    """

    floor: float
    amplitude: float
    exponent: float
    kappa: float

    def predict(self, positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
        """Error at P and M, of any shapes that broadcast; NaN where P + kappa M is not positive."""
        data = np.asarray(positives, dtype=float) + self.kappa * np.asarray(negatives, dtype=float)
        logs = np.log(np.where(data > 0, data, np.nan))
        return np.asarray(self.floor + self.amplitude * np.exp(-self.exponent * logs))


@dataclass(frozen=True)
class AdditiveLaw:
    """error(P, M) = floor + amplitude * P ** -exponent + negative_amplitude * M ** -negative_exponent.

    It is infinite without negatives.
    """

    floor: float
    amplitude: float
    exponent: float
    negative_amplitude: float
    negative_exponent: float

    def predict(self, positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
        """Error at P and M, of any shapes that broadcast; infinite at M = 0."""
        p, m = np.asarray(positives, dtype=float), np.asarray(negatives, dtype=float)
        with np.errstate(divide="ignore"):
            on_p = np.exp(np.log(self.amplitude) - self.exponent * np.log(p))
            on_m = np.exp(np.log(self.negative_amplitude) - self.negative_exponent * np.log(m))
        return np.asarray(self.floor + on_p + on_m)
