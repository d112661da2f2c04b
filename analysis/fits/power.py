"""Binomial maximum-likelihood fits of a power law to error counts.

log p = log A - alpha log N, so the likelihood is that of a log-binomial regression: concave, with one maximum.
It is maximised by projected Newton steps over the fitted log rates at the two ends of the range. There p <= 1 is a
simple bound (it holds between the ends if it holds at both), and a thousand bootstrap draws are fitted at once.
Binomial errors alone understate the variance between seeds: take intervals from the bootstrap.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats
from analysis.fits.fit import Fit, counts, pearson, pearson_dispersion, rows, size_range
from analysis.fits.laws import PowerLaw
from analysis.stats.binomial import log_likelihood

# Fewer expected errors than this among all tests at an end cannot be distinguished from none. Without this bound the
# exponent of a curve that reaches 0 errors would diverge.
LEAST_EXPECTED_ERRORS = 1e-3
MAX_STEPS = 500
EDGE = 1e-9  # in log rate: a rate closer to a bound than this is on it


def fit_power_law(sizes: npt.ArrayLike, wrong: npt.ArrayLike, tested: npt.ArrayLike) -> Fit[PowerLaw]:
    """Fit `A N^-alpha` to counts, arrays of one shape (K,); a size may repeat, once per seed, or be pooled.

    Raises:
        ValueError: shapes that differ, invalid counts, fewer than two distinct sizes, or no errors at all.
    """
    n, k, t = counts(sizes, wrong, tested)
    if len(np.unique(n)) < 2:
        raise ValueError(f"a power law needs two sizes or more, not {len(np.unique(n))}")
    ends, value, bounded = _maximise(n, k[None], t)
    amplitude, exponent = _coefficients(n, ends)
    law = PowerLaw(float(np.exp(amplitude[0])), float(exponent[0]))
    residuals = pearson(k, t, np.minimum(law.predict(n), 1.0))
    covariance = None if bounded[0] else _covariance(n, ends, k, t)
    return Fit(
        law,
        float(value[0]),
        *size_range(n),
        bounded=bool(bounded[0]),
        free=2,
        residuals=tuple(residuals.tolist()),
        covariance=rows(covariance, pearson_dispersion(residuals, 2)),
    )


def fit_draws(sizes: npt.ArrayLike, errors: npt.ArrayLike, tested: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The same fit for B draws at once: sizes (K,), errors as fractions (B, K), tested (K,).

    Returns (log A, alpha), each (B,). A draw without any error gets a law that lies on the lower bound.
    """
    n, t = np.asarray(sizes, dtype=float), np.asarray(tested, dtype=float)
    ends, _, _ = _maximise(n, np.asarray(errors, dtype=float) * t, t)
    return _coefficients(n, ends)


def _places(sizes: Floats) -> Floats:
    """The position of each log N between the smallest (0) and the largest (1)."""
    logs = np.log(sizes)
    return np.asarray((logs - logs.min()) / (logs.max() - logs.min()))


def _coefficients(sizes: Floats, ends: Floats) -> tuple[Floats, Floats]:
    first, last = np.log(sizes.min()), np.log(sizes.max())
    exponent = (ends[:, 0] - ends[:, 1]) / (last - first)
    return ends[:, 0] + exponent * first, exponent


def _covariance(sizes: Floats, ends: Floats, wrong: Floats, tested: Floats) -> Floats | None:
    """Of (log A, alpha) at the maximum, ends (1, 2), by binomial chance alone; None where one is not identified."""
    place = _places(sizes)
    rate = ends[0] @ np.stack([1 - place, place])
    right = tested - wrong
    curvature = right * np.exp(rate) / np.expm1(rate) ** 2
    if np.count_nonzero(curvature) < 2:
        return None
    slopes = np.stack([np.ones_like(sizes), -np.log(sizes)])
    return np.linalg.inv(slopes * curvature @ slopes.T)


def _maximise(sizes: Floats, wrong: Floats, tested: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Maximise over the log rates at both ends: sizes (K,), wrong (B, K), tested (K,).

    Returns the ends (B, 2), the log-likelihood (B,) and whether an end lies on a bound (B,).
    """
    place = _places(sizes)
    basis = np.stack([1 - place, place])  # (2, K): log rates = ends @ basis
    lower = np.log([LEAST_EXPECTED_ERRORS / tested[place == end].sum() for end in (0.0, 1.0)])

    def objective(at: Floats) -> Floats:
        return np.asarray(log_likelihood(at @ basis, wrong, tested).sum(axis=1))

    # Start from log-log least squares, half an error added so that 0 errors have a logarithm.
    ends = np.log((wrong + 0.5) / (tested + 1)) @ np.linalg.pinv(basis)
    ends = np.clip(ends, lower, np.log(0.99))
    value = objective(ends)
    for _ in range(MAX_STEPS):
        step, slope = _newton_step(ends, basis, wrong, tested, lower)
        step[(np.abs(slope) <= 1e-13 * (1 + tested.sum())).all(axis=1)] = (
            0.0  # rounding errors, which would drift where the likelihood is flat
        )
        length = np.ones(len(ends))
        for _ in range(60):  # halve steps that lower the likelihood
            trial = np.clip(ends + length[:, None] * step, lower, 0.0)
            trial_value = objective(trial)
            # The slack covers the rounding error of the sum; without it the last digits are never reached.
            climbs = trial_value >= value + 1e-4 * ((trial - ends) * slope).sum(axis=1) - 1e-13 * (1 + np.abs(value))
            if climbs.all():
                break
            length = np.where(climbs, length, length / 2)
        moved = np.where(climbs[:, None], trial - ends, 0.0)
        ends, value = ends + moved, np.where(climbs, trial_value, value)
        if np.abs(moved).max() < 1e-12:
            break
    else:
        raise RuntimeError(f"the fit did not converge in {MAX_STEPS} steps")
    bounded = ((ends <= lower + EDGE) | (ends >= -EDGE)).any(axis=1)
    return ends, value, bounded


def _newton_step(ends: Floats, basis: Floats, wrong: Floats, tested: Floats, lower: Floats) -> tuple[Floats, Floats]:
    """Newton's step and the gradient, each (B, 2); the other end of one pressed against its bound moves alone."""
    rate = ends @ basis
    right = tested - wrong
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.where(right > 0, right * np.exp(rate) / -np.expm1(rate), 0.0)
        curvature = np.where(right > 0, odds / -np.expm1(rate), 0.0)  # minus the second derivative
    slope = (wrong - odds) @ basis.T
    hessian = np.einsum("bk,ik,jk->bij", curvature, basis, basis)
    pressed = ((ends <= lower + EDGE) & (slope < 0)) | ((ends >= -EDGE) & (slope > 0))
    # Without the cross terms of a pressed end, the other end's step remains an ascent after clipping.
    hessian[pressed.any(axis=1), 0, 1] = hessian[pressed.any(axis=1), 1, 0] = 0.0
    hessian += 1e-12 * (1 + hessian.max(axis=(1, 2)))[:, None, None] * np.eye(2)
    return np.linalg.solve(hessian, slope[:, :, None])[:, :, 0], slope
