"""Joint laws of error over P positives and M negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats

JointName = Literal["effective", "additive", "multiplicative", "saturating", "repeated"]
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


@dataclass(frozen=True)
class MultiplicativeLaw:
    """error(P, M) = floor + amplitude * P ** -exponent * M ** -negative_exponent, of Zhang et al. (arXiv 2402.17193).

    Their eq. 1 has fine-tuning data in place of M, and model size, pretraining data or adapter size in place of P.
    """

    floor: float
    amplitude: float
    exponent: float
    negative_exponent: float

    def predict(self, positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
        """Error at P and M, of any shapes that broadcast; infinite at M = 0."""
        p, m = np.asarray(positives, dtype=float), np.asarray(negatives, dtype=float)
        with np.errstate(divide="ignore"):
            logs = np.log(self.amplitude) - self.exponent * np.log(p) - self.negative_exponent * np.log(m)
        return np.asarray(self.floor + np.exp(logs))


@dataclass(frozen=True)
class SaturatingLaw:
    """error(P, M) = floor + amplitude * D ** -exponent with D = P + kappa P R (1 - exp(-m / R)) for m = M / P.

    The first negative of a problem is worth kappa positives, and further ones less: all together at most kappa R
    (`saturation` is R). The form is that of Muennighoff et al. 2023 for repeated data (arXiv 2305.16264, eq. 5). Where
    R is far above the largest m, the law is the effective one.
    """

    floor: float
    amplitude: float
    exponent: float
    kappa: float
    saturation: float

    def predict(self, positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
        """Error at P and M, of any shapes that broadcast; NaN where D is not positive."""
        return _of_data(self, _effective(positives, negatives, self.kappa, self.saturation))


@dataclass(frozen=True)
class RepeatedLaw:
    """The saturating law with a kappa of 1, exactly that of Muennighoff et al. (arXiv 2305.16264, eq. 5).

    Their D' = U + U R* (1 - exp(-r / R*)), with U unique tokens for P and r repetitions (epochs - 1) for m.
    """

    floor: float
    amplitude: float
    exponent: float
    saturation: float

    def predict(self, positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
        """Error at P and M, of any shapes that broadcast."""
        return _of_data(self, _effective(positives, negatives, 1.0, self.saturation))


JOINT_LAWS: dict[JointName, type[Any]] = {
    "effective": EffectiveLaw,
    "additive": AdditiveLaw,
    "multiplicative": MultiplicativeLaw,
    "saturating": SaturatingLaw,
    "repeated": RepeatedLaw,
}


def _effective(positives: npt.ArrayLike, negatives: npt.ArrayLike, kappa: float, saturation: float) -> Floats:
    p, m = np.asarray(positives, dtype=float), np.asarray(negatives, dtype=float)
    return np.asarray(p * (1 - kappa * saturation * np.expm1(-m / p / saturation)))


def _of_data(law: SaturatingLaw | RepeatedLaw, data: Floats) -> Floats:
    logs = np.log(np.where(data > 0, data, np.nan))
    return np.asarray(law.floor + law.amplitude * np.exp(-law.exponent * logs))
