"""From a law's shape and data to its parameters: one fit from every default start, or many refits from one.

Two kinds of data: positive values such as losses (Huber's loss of log residuals, summed, not averaged), and counts of
k wrong among n tested (binomial). The public functions are in `values.py`, `counts.py` and `joint.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri, stdtrit

from analysis.arrays import Floats
from analysis.fits.fit import pearson, pearson_dispersion, rows
from analysis.fits.losses import BinomialLoss, HuberLoss, Loss, huber_log_likelihood, usable_delta
from analysis.fits.optimum import FAINT, MANY, covariance, descend, search_many, some_of
from analysis.fits.shapes import Shape

# A robust loss is approached from least squares through wider ones, since its kinks can trap a search.
APPROACH = (math.inf, 100.0, 30.0, 10.0, 3.0, 1.0)
FARTHEST = 20.0  # the largest log residual of a bootstrap sample
MOST_REFITTED = 1000  # points of a bootstrap sample, where there are more than MANY
BATCH = 100  # draws at a time
Tick = Callable[[], None]
MOST_LEFT_OUT = 400  # points; with more, each residual is scaled instead of refitted
ENOUGH = 1e-8  # relative tolerance of a refit's loss; the variance of draws is far larger


def nothing() -> None:
    """The tick of a computation whose progress nobody watches."""


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
    delta = usable_delta(delta)
    level = float(np.log(values).mean())
    losses = value_losses(values[None], level, delta)
    point = search_many(shape, losses, len(values)).best
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
    point = search_many(shape, [loss], len(wrong)).best
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


def value_losses(values: Floats, level: float, delta: float, weights: Floats | None = None) -> list[HuberLoss]:
    """The losses of values (B, K) in the order of a search; the requested one is last."""
    logs = np.log(values) - level
    return [HuberLoss(logs, wider * delta, weights) for wider in (APPROACH if math.isfinite(delta) else (1.0,))]


def draw_values(solution: Solution, delta: float, draws: int, seed: int, tick: Tick = nothing) -> Floats:
    """Parameters (B, P) of fits to B = `draws` samples by the wild bootstrap, each started at `solution`.

    `tick` is called now and then. Raises ValueError as :func:`resample_values` does.
    """
    part, factor = some_points(solution)
    values = resample_values(part, delta, draws, seed)
    losses = value_losses(values, solution.level, usable_delta(delta))
    return _nearer(solution, _refit(part, losses, draws, tick), factor)


def draw_counts(solution: Solution, tested: Floats, draws: int, seed: int, tick: Tick = nothing) -> Floats:
    """Parameters (B, P) of fits to B = `draws` binomial samples from the law; `tick` as of :func:`draw_values`."""
    part, factor = some_points(solution)
    some = tested[some_of(len(tested), len(part.predicted))]
    loss = BinomialLoss(resample_counts(part, some, draws, seed), some, solution.level)
    return _nearer(solution, _refit(part, [loss], draws, tick), factor)


def some_points(solution: Solution) -> tuple[Solution, float]:
    """The solution over at most `MOST_REFITTED` of its points, and the factor by which its draws deviate less.

    With many points the deviations of a draw fall as the root of their number (Politis, Romano and Wolf 1999,
    Subsampling), so some points show those of all.
    """
    count = len(solution.predicted)
    if count <= MANY:
        return solution, 1.0
    some = some_of(count, MOST_REFITTED)
    residuals = tuple(solution.residuals[i] for i in some)
    part = replace(solution, shape=solution.shape.at(some), predicted=solution.predicted[some], residuals=residuals)
    return part, math.sqrt(len(some) / count)


def _nearer(solution: Solution, drawn: Floats, factor: float) -> Floats:
    """Draws (B, P) with `factor` times their deviation from the solution, in logs where the shape is `logarithmic`."""
    if factor == 1:
        return drawn
    at = solution.parameters
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        in_logs = np.exp(np.log(at) + factor * (np.log(drawn) - np.log(at)))
        plain = at + factor * (drawn - at)
    return np.where(solution.shape.logarithmic & (at > 0), in_logs, plain)


def refit_values(solution: Solution, values: Floats, delta: float) -> Floats:
    """Parameters (B, P) of fits to values (B, K), each started at `solution`."""
    return _refit(solution, value_losses(values, solution.level, usable_delta(delta)), len(values))


def refit_counts(solution: Solution, wrong: Floats, tested: Floats) -> Floats:
    """Parameters (B, P) of fits to counts wrong (B, K) of tested (K,), each started at `solution`."""
    return _refit(solution, [BinomialLoss(wrong, tested, solution.level)], len(wrong))


def _refit(solution: Solution, losses: Sequence[Loss], count: int, tick: Tick = nothing) -> Floats:
    start, points = _start(solution), []
    size = BATCH if len(solution.predicted) > MOST_LEFT_OUT else count  # small arrays stay in the processor's cache
    for first in range(0, count, size):
        rows = np.arange(first, min(first + size, count))
        batch = [loss.rows(rows) for loss in losses]
        starts = np.tile(start, (len(rows), 1))
        points.append(descend(solution.shape, batch, starts, ENOUGH, solution.shape.refit_steps).points)
        tick()
    return solution.shape.parameters(np.concatenate(points), solution.level)


def _start(solution: Solution) -> Floats:
    """(1, P) where refits start: terms that are 0 in the solution are small instead, since a refit may need them."""
    return solution.shape.with_terms(solution.point, FAINT)


def resample_values(solution: Solution, delta: float, draws: int, seed: int) -> Floats:
    """Values (B, K) of B = `draws` samples by the wild bootstrap: the fitted values with residuals of random sign.

    A residual keeps its point, so noise may differ between points, have heavy tails or include misfit of the law, and
    its sign is the only random part, which is valid for least absolute deviations too (Feng, He and Hu 2011, Biometrika
    98). Residuals of a fit are too small, and 0 where a robust fit passes through a point; the difference of each point
    from a fit without it takes their place (the jackknife, HC3 in least squares; MacKinnon and White 1985, J.
    Econometrics 29). They are widened as Student's t is against the normal, since few points determine their variance
    poorly.

    Raises:
        ValueError: as many parameters as points, or no point that a fit can do without.
    """
    spare = len(solution.residuals) - len(solution.parameters)
    if spare < 1:
        raise ValueError(f"too few points for an interval: {len(solution.residuals)} for {len(solution.parameters)}")
    delta, count = usable_delta(delta), len(solution.residuals)
    residuals = left_out_residuals(solution, delta) * _tails(spare)
    if math.isfinite(delta):
        residuals = residuals * _smoothing(count)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, len(residuals)))
    return np.asarray(solution.predicted * np.exp(np.clip(signs * residuals, -FARTHEST, FARTHEST)))


def left_out_residuals(solution: Solution, delta: float) -> Floats:
    """(K,) log value minus the log of its prediction by the fit to all other points.

    A point without which the law is not determined gets the root mean square of the others. With many points, where
    one more or less does not matter, these are the residuals scaled by the root of K / (K - P).

    Raises:
        ValueError: the law is not determined without any of the points.
    """
    residuals = np.array(solution.residuals)
    count, fitted = len(residuals), len(solution.parameters)
    if count > MOST_LEFT_OUT:
        return np.asarray(residuals * math.sqrt(count / (count - fitted)))
    values = solution.predicted * np.exp(residuals)
    losses = value_losses(values[None], solution.level, delta, 1 - np.eye(count))
    starts = np.tile(_start(solution), (count, 1))
    points = descend(solution.shape, losses, starts, ENOUGH, solution.shape.refit_steps).points
    predicted = np.diagonal(solution.shape.predict(points).value)
    with np.errstate(divide="ignore"):
        left_out = np.clip(np.log(values) - solution.level - np.log(predicted), -FARTHEST, FARTHEST)
    alone = _leverages(solution) > 1 - 1e-6
    if alone.all():
        raise ValueError("too few points for an interval: the law is not determined without any one of them")
    left_out[alone] = np.sqrt(np.mean(left_out[~alone] ** 2))
    return np.asarray(left_out)


def _leverages(solution: Solution) -> Floats:
    """(K,) the leverage of each point in the linearised fit of logs; 1 for a point without which it is undetermined."""
    prediction, slopes, _ = solution.shape.predict(solution.point)
    left, values, _ = np.linalg.svd(slopes[0] / prediction[0][:, None], full_matrices=False)
    return np.asarray((left[:, values > 1e-10 * values.max()] ** 2).sum(axis=1))


def resample_counts(solution: Solution, tested: Floats, draws: int, seed: int) -> Floats:
    """Wrong (B, K), maybe fractional, of B = `draws` samples at the fitted rates, as over-dispersed as the data."""
    rng = np.random.default_rng(seed)
    chance = rng.binomial(np.rint(tested).astype(int), solution.predicted, size=(draws, len(tested)))
    ratio = pearson_dispersion(np.array(solution.residuals), len(solution.parameters))
    spread = math.sqrt(ratio) * (_tails(len(tested) - len(solution.parameters)) if ratio > 1 else 1.0)
    expected = tested * solution.predicted
    return np.asarray(np.clip(expected + spread * (chance - expected), 0, tested))


def _smoothing(count: int) -> float:
    """The width of K residuals smoothed by Silverman's bandwidth (1986), relative to their width.

    The spread of a robust fit depends on how many residuals lie near 0. A few residuals show that roughly, so that
    intervals from them would often be too narrow; smoothed ones would not. By simulation (benchmarks/fit_coverage.py).
    """
    return math.sqrt(1 + (1.06 * count**-0.2) ** 2)


def _tails(spare: int) -> float:
    """The width of Student's 95 % interval with `spare` degrees of freedom, relative to the normal's."""
    return float(stdtrit(spare, 0.975) / ndtri(0.975))
