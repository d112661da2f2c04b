"""From a law's shape and data to its parameters: one fit from every default start, or many refits from one.

Two kinds of data: positive values such as losses (Huber's loss of log residuals, summed, not averaged), and counts of
k wrong among n tested (binomial). The public functions are in `values.py`, `counts.py` and `joint.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from analysis.arrays import Floats
from analysis.fits.fit import pearson, pearson_dispersion, rows
from analysis.fits.losses import BinomialLoss, HuberLoss, Loss, huber_log_likelihood
from analysis.fits.optimum import FAINT, covariance, descend, search
from analysis.fits.shapes import Shape

# A robust loss is approached from least squares through wider ones, since its kinks can trap a search.
APPROACH = (math.inf, 100.0, 30.0, 10.0, 3.0, 1.0)
ENOUGH = 1e-8  # relative tolerance of a refit's loss; the variance of draws is far larger


@dataclass(frozen=True)
class Solution:
    """A fitted shape; `Fit` describes the attributes that both have.

    Attributes:
        shape: the law that was fitted.
        point: (1, P) the shape's coordinates at the optimum.
        level: log of the unit of the data in the shape's coordinates.
        parameters: (P,) in the law's order.
        predicted: (K,) at the data.
    """

    shape: Shape
    point: Floats
    level: float
    parameters: Floats
    predicted: Floats
    log_likelihood: float
    bounded: bool
    free: int
    residuals: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...] | None


def solve_values(shape: Shape, values: Floats, delta: float) -> Solution:
    """Fit to values (K,), all positive."""
    level = float(np.log(values).mean())
    losses = value_losses(values[None], level, delta)
    point = search(shape, losses).best
    predicted = shape.predict(point).value[0] * math.exp(level)
    residuals = np.log(values / predicted)
    spare = len(values) - len(shape.lower)
    spread = covariance(shape, losses[0], point, level) if math.isinf(delta) and spare > 0 else None
    return Solution(
        shape,
        point,
        level,
        shape.parameters(point, level)[0],
        predicted,
        huber_log_likelihood(residuals, delta),
        bool(shape.bounded(point)[0]),
        len(shape.lower) + 1,
        tuple(residuals.tolist()),
        rows(spread, float((residuals**2).sum()) / max(spare, 1)),
    )


def solve_counts(shape: Shape, wrong: Floats, tested: Floats) -> Solution:
    """Fit to counts (K,) with at least one error."""
    level = math.log(wrong.sum() / tested.sum())
    loss = BinomialLoss(wrong[None], tested, level)
    point = search(shape, [loss]).best
    predicted = np.minimum(shape.predict(point).value[0] * math.exp(level), 1.0)
    residuals = pearson(wrong, tested, predicted)
    return Solution(
        shape,
        point,
        level,
        shape.parameters(point, level)[0],
        predicted,
        -float(loss(np.log(predicted)[None] - level).value.sum()),
        bool(shape.bounded(point)[0]),
        len(shape.lower),
        tuple(residuals.tolist()),
        rows(covariance(shape, loss, point, level), pearson_dispersion(residuals, len(shape.lower))),
    )


def value_losses(values: Floats, level: float, delta: float) -> list[HuberLoss]:
    """The losses of values (B, K) in the order of a search; the requested one is last."""
    logs = np.log(values) - level
    return [HuberLoss(logs, wider * delta) for wider in (APPROACH if math.isfinite(delta) else (1.0,))]


def refit_values(solution: Solution, values: Floats, delta: float) -> Floats:
    """Parameters (B, P) of fits to values (B, K), each started at `solution`."""
    return _refit(solution, value_losses(values, solution.level, delta), len(values))


def refit_counts(solution: Solution, wrong: Floats, tested: Floats) -> Floats:
    """Parameters (B, P) of fits to counts wrong (B, K) of tested (K,), each started at `solution`."""
    return _refit(solution, [BinomialLoss(wrong, tested, solution.level)], len(wrong))


def _refit(solution: Solution, losses: Sequence[Loss], count: int) -> Floats:
    # Terms that are 0 in the solution start small instead, since a refit may need them.
    start = solution.shape.with_terms(solution.point, FAINT)
    optimum = descend(solution.shape, losses, np.tile(start, (count, 1)), tolerance=ENOUGH)
    return solution.shape.parameters(optimum.points, solution.level)


def resample_values(solution: Solution, delta: float, draws: int, seed: int) -> Floats:
    """Values (B, K) of B = `draws` samples: what was fitted, with log residuals drawn anew.

    Residuals are smaller than errors, for P parameters were fitted to them. A robust fit meets P points or nearly so,
    whose residuals are left out; least squares shrinks all, which are widened. Both are widened once more as Student's
    t is against the normal, since few points determine their variance poorly.

    Raises:
        ValueError: as many parameters as points: there are no residuals.
    """
    residuals, fitted = np.array(solution.residuals), len(solution.parameters)
    spare = len(residuals) - fitted
    if spare < 1:
        raise ValueError(f"{fitted} parameters fit {len(residuals)} points exactly: there are no residuals")
    if math.isfinite(delta):
        residuals = residuals[np.argsort(np.abs(residuals))[fitted:]]
    else:
        residuals = residuals * math.sqrt(len(residuals) / spare)
    drawn = np.random.default_rng(seed).choice(residuals * _tails(spare), size=(draws, len(solution.residuals)))
    return np.asarray(solution.predicted * np.exp(drawn))


def resample_counts(solution: Solution, tested: Floats, draws: int, seed: int) -> Floats:
    """Wrong (B, K), maybe fractional, of B = `draws` samples at the fitted rates, as over-dispersed as the data."""
    rng = np.random.default_rng(seed)
    chance = rng.binomial(np.rint(tested).astype(int), solution.predicted, size=(draws, len(tested)))
    ratio = pearson_dispersion(np.array(solution.residuals), len(solution.parameters))
    spread = math.sqrt(ratio) * (_tails(len(tested) - len(solution.parameters)) if ratio > 1 else 1.0)
    expected = tested * solution.predicted
    return np.asarray(np.clip(expected + spread * (chance - expected), 0, tested))


def _tails(spare: int) -> float:
    """The width of Student's 95 % interval with `spare` degrees of freedom, relative to the normal's."""
    return float(stdtrit(spare, 0.975) / ndtri(0.975))
