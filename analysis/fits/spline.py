"""A cubic smoothing spline with the error of its extrapolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.arrays import Floats

FAINTEST = 1e-24  # least sum of squares of a spline's residuals, of values without any noise


@dataclass(frozen=True)
class SmoothingSpline:
    """A cubic smoothing spline of K values at J places.

    Attributes:
        centre: (J,) the spline.
        covariance: (J, J) of its error; Student's t with K - 2 degrees of freedom.
        log_likelihood: restricted, up to a constant.
    """

    centre: Floats
    covariance: Floats
    log_likelihood: float


def smoothing_spline(x: Floats, y: Floats, at: Floats, ratio: float) -> SmoothingSpline:
    """The spline of y (K,) at x (K,), both 0 or more, in its Bayesian form (Wahba 1978), at places (J,).

    y = a + b x + sigma (ratio^(1/2) Z(x) + noise), with Z an integrated Wiener process: its slope is a random walk. The
    spline is linear regression with residuals so correlated. It minimises the sum of squares + (the integral of the
    square of its second derivative) / ratio.
    """

    def bending(a: Floats, b: Floats) -> Floats:
        low, high = np.minimum(a[:, None], b), np.maximum(a[:, None], b)
        return np.asarray(ratio * low**2 * (3 * high - low) / 6)  # covariance of Z

    line, beyond = (np.stack([np.ones_like(each), each], axis=1) for each in (x, at))
    precision = np.linalg.inv(bending(x, x) + np.eye(len(x)))
    information = line.T @ precision @ line
    best = np.linalg.solve(information, line.T @ precision @ y)
    off, spare = y - line @ best, len(x) - 2
    squares = max(float(off @ precision @ off), FAINTEST)
    toward = bending(at, x) @ precision
    left = beyond - toward @ line
    covariance = bending(at, at) - toward @ bending(x, at) + left @ np.linalg.solve(information, left.T)
    determinants = np.linalg.slogdet(precision)[1] - np.linalg.slogdet(information)[1]
    return SmoothingSpline(
        beyond @ best + toward @ off,
        squares / spare * (covariance + covariance.T) / 2,
        float(determinants - spare * np.log(squares)) / 2,
    )
