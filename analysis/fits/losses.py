"""Losses of a law against data, as functions of the log of what the law predicts.

Both kinds of data share one optimiser (optimum.py), which needs only a loss per point and its derivatives in
g = log prediction. Arrays are (B, K): B fits at once of K points each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from analysis.arrays import Floats
from analysis.defaults import HUBER_DELTA

NARROWEST_DELTA, WIDEST_DELTA = 1e-9, 1500.0


class Slopes(NamedTuple):
    """A loss at g, elementwise: value, first and second derivative in g, and a curvature that is safe to divide by.

    `safe` is never negative and replaces the second derivative where that does not determine a step length, as in the
    linear part of a robust loss.
    """

    value: Floats
    first: Floats
    second: Floats
    safe: Floats


class Loss(Protocol):
    """The function that the optimiser minimises, summed over points."""

    def __call__(self, log_prediction: Floats) -> Slopes:
        """The loss at log predictions (B, K)."""

    def rows(self, keep: npt.NDArray[np.intp]) -> Loss:
        """The loss of only the fits `keep` among the B."""

    def at(self, columns: npt.NDArray[np.intp]) -> Loss:
        """The loss at only these of the K points."""


@dataclass(frozen=True)
class HuberLoss:
    """Huber's loss of log residuals r = log y - g: r^2 / 2 up to |r| = delta, delta (|r| - delta / 2) beyond.

    An infinite delta makes it least squares.

    Attributes:
        log_values: (B, K), or (1, K) for the same data in every fit.
        weights: (B, K) of the points in the sum; None counts each once.
    """

    log_values: Floats
    delta: float = HUBER_DELTA
    weights: Floats | None = None

    def __call__(self, log_prediction: Floats) -> Slopes:
        residual = self.log_values - log_prediction
        size = np.abs(residual)
        inside = size <= self.delta
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(inside, residual**2 / 2, self.delta * (size - self.delta / 2))
            safe = np.where(inside, 1.0, self.delta / size)
        slopes = Slopes(value, -np.clip(residual, -self.delta, self.delta), inside.astype(float), safe)
        return slopes if self.weights is None else Slopes(*(self.weights * part for part in slopes))

    def rows(self, keep: npt.NDArray[np.intp]) -> HuberLoss:
        log_values = self.log_values if len(self.log_values) == 1 else self.log_values[keep]
        return HuberLoss(log_values, self.delta, None if self.weights is None else self.weights[keep])

    def at(self, columns: npt.NDArray[np.intp]) -> HuberLoss:
        weights = None if self.weights is None else self.weights[:, columns]
        return HuberLoss(self.log_values[:, columns], self.delta, weights)


@dataclass(frozen=True)
class BinomialLoss:
    """Minus the binomial log-likelihood of `wrong` out of `tested`, without the binomial coefficient.

    Rates that `tested` answers cannot distinguish from 1 have a parabola in place of the likelihood, so that an
    optimiser may start or step there and returns.

    Attributes:
        wrong: (B, K) or (1, K), may be fractional.
        tested: (K,).
        level: added to a log prediction to give a log rate.
    """

    wrong: Floats
    tested: Floats
    level: float = 0.0

    def __call__(self, log_prediction: Floats) -> Slopes:
        right = self.tested - self.wrong
        rate = log_prediction + self.level
        cap = np.log1p(-0.01 / self.tested)  # log rate above which the parabola applies
        miss = -np.expm1(np.minimum(rate, cap))  # 1 - p
        odds = (1 - miss) / miss
        beyond = np.maximum(rate - cap, 0.0)
        slope, curvature = right * odds, right * odds / miss
        # Without correct answers the likelihood rises up to p = 1 and beyond: a stiff parabola limits it.
        spring = np.where(right > 0, curvature, 1e6 * self.tested)
        value = -self.wrong * rate - right * np.log(miss) + slope * beyond + spring * beyond**2 / 2
        second = np.where(beyond > 0, spring, curvature)
        expected = np.where(beyond > 0, spring, self.tested * odds)
        return Slopes(value, -self.wrong + slope + spring * beyond, second, expected)

    def rows(self, keep: npt.NDArray[np.intp]) -> BinomialLoss:
        return self if len(self.wrong) == 1 else BinomialLoss(self.wrong[keep], self.tested, self.level)

    def at(self, columns: npt.NDArray[np.intp]) -> BinomialLoss:
        return BinomialLoss(self.wrong[:, columns], self.tested[columns], self.level)


def usable_delta(delta: float) -> float:
    """A `delta` that floating point can compute with, and that gives the same fits.

    Log residuals of floating-point numbers are below 1500, so a larger delta is least squares. Below 1e-9 the loss is
    that of least absolute deviations to more digits than residuals have.
    """
    return math.inf if delta > WIDEST_DELTA else max(delta, NARROWEST_DELTA)


def huber_log_likelihood(residuals: Floats, delta: float) -> float:
    """The log-likelihood of log residuals (K,) that corresponds to Huber's loss, at its most likely scale.

    The density is exp(-huber(r) / s) / Z(s): normal in the middle with Laplace tails (Huber's least favourable one;
    normal throughout where delta is infinite), and at any s its maximum is the minimum of the loss. The scale s is
    an additional parameter.
    """
    # Without noise the most likely scale is 0; residuals of the size of rounding errors limit it.
    mean = max(float(HuberLoss(residuals, delta)(np.zeros_like(residuals)).value.mean()), 1e-26)
    if math.isinf(delta):
        return -len(residuals) / 2 * (math.log(4 * math.pi * mean) + 1)

    def log_normaliser(scale: float) -> float:
        root = math.sqrt(2 * scale)
        edge = delta / root
        return math.log(root * (math.sqrt(math.pi) * math.erf(edge) + math.exp(-(edge**2)) / edge))

    def cost(log_scale: float) -> float:  # negative log-likelihood per point
        return log_normaliser(math.exp(log_scale)) + mean * math.exp(-log_scale)

    # For the normal it is 2 mean, for Laplace mean; others lie between.
    bounds = math.log(mean) - 2, math.log(mean) + 2
    optimum = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return -len(residuals) * float(optimum.fun)
