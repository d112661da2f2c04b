"""Joint laws of error over positives P and negatives M, fitted to counts or to values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats
from analysis.defaults import HUBER_DELTA
from analysis.fits.fit import aicc, counts, parameters, size_range
from analysis.fits.joint_laws import JOINT_LAW_NAMES, JOINT_LAWS, JointName
from analysis.fits.joint_terms import Product, Repeated, Saturating
from analysis.fits.shapes import Shape
from analysis.fits.solving import (
    Solution,
    draw_counts,
    draw_values,
    refit_counts,
    solve_counts,
    solve_values,
)
from analysis.fits.terms import Constant, Effective, Power
from analysis.fits.values import positive

INFINITE_WITHOUT = ("additive", "multiplicative")  # the laws that need negatives everywhere
WORTHS: dict[JointName, Any] = {"effective": Effective, "saturating": Saturating, "repeated": Repeated}
CHANGES = (0.5, 2, 5)  # starts: the falls over the range, in powers of e


@dataclass(frozen=True)
class JointFit:
    """A fitted joint law; `Fit` describes the attributes that both have.

    Attributes:
        positives, negatives: the fitted ranges, (smallest, largest).
        bounded: an exponent or kappa lies on a bound: a limit, not an estimate.
    """

    law: Any  # of JOINT_LAWS
    log_likelihood: float
    positives: tuple[float, float]
    negatives: tuple[float, float]
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

    def predict(self, positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
        """The law's error at P and M."""
        predicted: Floats = self.law.predict(positives, negatives)
        return predicted


def fit_joint(
    law: JointName,
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    wrong: npt.ArrayLike,
    tested: npt.ArrayLike,
    floor: bool = False,
) -> JointFit:
    """Fit a joint law to `wrong` of `tested`, arrays (K,); without `floor` its floor is 0.

    Raises:
        ValueError: shapes that differ, invalid counts, no errors at all, positives that are not positive,
            negatives below 0 (or at 0, for the additive law), fewer distinct points than parameters, or points that
            do not distinguish positives from negatives.
    """
    p, m, k, t = counts(positives, negatives, wrong, tested)
    return _as_fit(law, p, m, solve_counts(joint_shape(law, p, m, floor), k, t), floor)


def fit_joint_draws(
    law: JointName,
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    errors: npt.ArrayLike,
    tested: npt.ArrayLike,
    floor: bool = False,
) -> Floats:
    """The same fit for B draws at once, of errors as fractions (B, K): parameters (B, P) in the law's order.

    Raises ValueError as `fit_joint` does.
    """
    drawn = np.asarray(errors, dtype=float) * np.asarray(tested, dtype=float)
    p, m, mean, t = counts(positives, negatives, drawn.mean(axis=0), tested)
    solution = solve_counts(joint_shape(law, p, m, floor), mean, t)
    return _with_floor(refit_counts(solution, drawn, t), floor)


def joint_count_draws(
    law: JointName,
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    wrong: npt.ArrayLike,
    tested: npt.ArrayLike,
    floor: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> Floats:
    """Parameters (B, P) of fits to B = `draws` binomial samples from the fitted law, with the data's overdispersion."""
    p, m, k, t = counts(positives, negatives, wrong, tested)
    solution = solve_counts(joint_shape(law, p, m, floor), k, t)
    return _with_floor(draw_counts(solution, t, draws, seed), floor)


def fit_joint_values(
    law: JointName,
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    values: npt.ArrayLike,
    floor: bool = True,
    delta: float = HUBER_DELTA,
) -> JointFit:
    """Fit a joint law to positive values (K,) such as losses. Raises ValueError as `fit_joint` does."""
    p, y = positive(positives, values)
    m = np.asarray(negatives, dtype=float)
    return _as_fit(law, p, m, solve_values(joint_shape(law, p, m, floor), y, delta), floor)


def joint_value_draws(
    law: JointName,
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    values: npt.ArrayLike,
    floor: bool = True,
    delta: float = HUBER_DELTA,
    draws: int = 1000,
    seed: int = 0,
) -> Floats:
    """Parameters (B, P) of fits to B = `draws` samples of values by the wild bootstrap."""
    p, y = positive(positives, values)
    solution = solve_values(joint_shape(law, p, np.asarray(negatives, dtype=float), floor), y, delta)
    return _with_floor(draw_values(solution, delta, draws, seed), floor)


def joint_shape(law: JointName, positives: Floats, negatives: Floats, floor: bool) -> Shape:
    """A joint law over P and M, each (K,), in the optimiser's coordinates. Raises ValueError as `fit_joint` does."""
    if law not in JOINT_LAW_NAMES:
        raise ValueError(f"unknown law {law!r}; there are {', '.join(JOINT_LAW_NAMES)}")
    if positives.shape != negatives.shape:
        raise ValueError(f"positives and negatives differ in shape: {positives.shape}, {negatives.shape}")
    if not (np.all(np.isfinite(negatives)) and np.all(negatives >= 0)):
        raise ValueError("negatives must be finite and at least 0")
    parameters = len(fields(JOINT_LAWS[law])) - 1 + floor
    distinct = len(np.unique([positives, negatives], axis=1).T)
    if distinct < parameters:
        raise ValueError(f"the {law} law has {parameters} parameters and needs as many points or more, not {distinct}")
    constant = [Constant(positives)] if floor else []
    if law not in INFINITE_WITHOUT:
        ratios = len(np.unique(np.round(negatives / positives, 12)))
        if ratios < 2:
            raise ValueError("the negatives are the same multiple of the positives everywhere: kappa is not identified")
        if law == "saturating" and ratios < 3:
            raise ValueError("the saturating law needs three ratios of negatives to positives or more, not 2")
        return Shape(*constant, WORTHS[law](positives, negatives, CHANGES))
    if np.any(negatives == 0):
        raise ValueError(f"the {law} law is infinite at 0 negatives: leave those points out")
    if np.ptp(positives) == 0 or np.ptp(negatives) == 0:
        raise ValueError(f"the {law} law needs two sizes or more of the positives and of the negatives")
    if law == "additive":
        return Shape(*constant, Power(positives, (0.5, 2, 6)), Power(negatives, (0.5, 2, 6)))
    return Shape(*constant, Product(positives, negatives, CHANGES))


def _as_fit(law: JointName, positives: Floats, negatives: Floats, solution: Solution, floor: bool) -> JointFit:
    covariance = solution.covariance
    if covariance is not None and not floor:  # the floor is fixed
        covariance = ((0.0,) * (len(covariance) + 1), *((0.0, *row) for row in covariance))
    return JointFit(
        JOINT_LAWS[law](*map(float, _with_floor(solution.parameters[None], floor)[0])),
        solution.log_likelihood,
        size_range(positives),
        size_range(negatives),
        solution.bounded,
        solution.free,
        solution.residuals,
        covariance,
    )


def _with_floor(parameters: Floats, floor: bool) -> Floats:
    """Parameters (B, P) of a law, with a floor of 0 inserted first where it was fitted without one."""
    return parameters if floor else np.column_stack([np.zeros(len(parameters)), parameters])
