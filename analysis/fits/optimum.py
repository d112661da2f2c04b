"""Minimise a loss of a law's predictions, from many starts or for many bootstrap draws at once.

Damped Newton steps with exact derivatives inside a box, with all fits in one array: a thousand draws of a curve take a
fraction of a second, where a thousand calls of a scipy optimiser take many. The tests compare the results with those
of scipy's optimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats
from analysis.fits.losses import Loss
from analysis.fits.shapes import Shape

Mask = npt.NDArray[np.bool_]
MAX_STEPS = 500
EXACT = 1e-15  # relative: a step that promises less than this of the loss is at the minimum, within rounding
DIRECT = 4  # number of starts that also minimise a robust loss directly
MANY, SOME = 2000, 500  # with more points than MANY, SOME of them decide where the search continues
FAINT = 1e-3  # size of a reintroduced term, relative to the level of the data


class Optimum(NamedTuple):
    """The results of B minimisations: coordinates (B, P) and summed losses (B,)."""

    points: Floats
    values: Floats

    @property
    def best(self) -> Floats:
        """The coordinates (1, P) of the lowest loss."""
        index = int(self.values.argmin())
        return np.asarray(self.points[index : index + 1])


def some_of(count: int, most: int) -> npt.NDArray[np.intp]:
    """The indices of `most` of `count` points, ascending; always the same ones."""
    return np.sort(np.random.default_rng(0).permutation(count)[:most])


def search(shape: Shape, losses: Sequence[Loss]) -> Optimum:
    """The result from each of the law's default starts; losses are minimised in turn, each from the last's result.

    A start fixes the nonlinear coordinates; the coefficients are fitted first. With several losses, the most promising
    starts also minimise the last ones directly, and the lower result counts: the first loss leads out of poor regions,
    but occasionally past the best minimum of the last.
    """
    starts = shape.starts()
    linear = np.zeros(starts.shape[1], dtype=bool)
    linear[shape.coefficients] = True
    profiled = minimise(shape, losses[0], starts, linear)
    starts = shape.with_terms(profiled.points, FAINT)
    optimum = descend(shape, losses, starts)
    if len(losses) > 1:
        promising = np.argsort(profiled.values)[:DIRECT]
        direct = descend(shape, losses[-2:], starts[promising])
        lower = direct.values < optimum.values[promising]
        optimum.points[promising[lower]], optimum.values[promising[lower]] = direct.points[lower], direct.values[lower]
    return optimum


def search_many(shape: Shape, losses: Sequence[Loss], count: int) -> Optimum:
    """:func:`search` over data of `count` points.

    Of many points some decide which starts are worthwhile; the best of their results are minimised over all points.
    """
    if count <= MANY:
        return search(shape, losses)
    some = some_of(count, SOME)
    rough = search(shape.at(some), [loss.at(some) for loss in losses])
    best = rough.points[np.argsort(rough.values)[:DIRECT]]
    _, distinct = np.unique(np.round(best, 3), axis=0, return_index=True)  # most starts end at the same point
    return descend(shape, losses, shape.with_terms(best[distinct], FAINT))


def descend(
    shape: Shape, losses: Sequence[Loss], starts: Floats, tolerance: float = EXACT, steps: int = MAX_STEPS
) -> Optimum:
    """Minimise losses in turn from starts (B, P); terms that vanished under the first are reintroduced once."""
    optimum = minimise(shape, losses[0], starts, tolerance=tolerance, steps=steps)
    woken = _wake(shape, losses[0], optimum.points)
    rows = np.flatnonzero((woken != optimum.points).any(axis=1))
    if len(rows):
        again = minimise(shape, losses[0].rows(rows), woken[rows], tolerance=tolerance, steps=steps)
        better = again.values < optimum.values[rows]
        optimum.points[rows[better]], optimum.values[rows[better]] = again.points[better], again.values[better]
    for loss in losses[1:]:
        optimum = minimise(shape, loss, optimum.points, tolerance=tolerance, steps=steps)
    return optimum


def _wake(shape: Shape, loss: Loss, points: Floats) -> Floats:
    """The points (B, P), with terms of coefficient 0 reintroduced where another of their starts lowers the loss.

    A term can vanish with unsuitable coordinates, such as an exponent of the wrong sign; the slope of its coefficient
    then only shows that these do not help.
    """
    woken = points.copy()
    for term, first, others in zip(shape.terms, shape.coefficients, shape.others, strict=True):
        idle = np.flatnonzero(points[:, first] == 0) if others.stop > others.start else np.zeros(0, dtype=int)
        if not len(idle):
            continue
        best = np.zeros(len(idle))
        for start in term.starts:
            trial = points[idle]
            trial[:, others] = start
            largest = np.exp(term(trial[:, others]).logs.max(axis=1))
            gain = -derivatives(shape, loss.rows(idle), trial)[1][:, first] / largest
            better = gain > np.maximum(best, 1e-9)
            best = np.where(better, gain, best)
            trial[:, first] = FAINT / largest
            woken[idle[better]] = trial[better]
    return woken


def minimise(
    shape: Shape,
    loss: Loss,
    starts: Floats,
    free: npt.ArrayLike = True,
    tolerance: float = EXACT,
    steps: int = MAX_STEPS,
) -> Optimum:
    """Minimise from starts (B, P) over the coordinates where `free` (P,) is true; no loss ends above its start.

    A minimisation ends when a full step promises less than `tolerance` of its loss, or after `steps`.
    """
    box = shape.lower, shape.upper, np.broadcast_to(np.asarray(free, dtype=bool), shape.lower.shape)
    points = np.clip(starts, shape.lower, shape.upper)
    value, *state = derivatives(shape, loss, points)
    damping = np.full(len(points), 1e-3)
    active = np.arange(len(points))
    for _ in range(steps):
        at, slope = points[active], state[0][active]
        trial = at + _step(at, [part[active] for part in state], damping[active], box)
        trial = np.clip(trial, shape.lower, shape.upper)
        new_value, *new_state = derivatives(shape, loss.rows(active), trial)
        # The slack covers the rounding error of the sum; without it the last digits are never reached.
        falls = new_value <= value[active] + 1e-14 * np.abs(value[active])
        took = active[falls]
        points[took], value[took] = trial[falls], new_value[falls]
        for part, new in zip(state, new_state, strict=True):
            part[took] = new[falls]
        damping[active] = np.where(falls, np.maximum(damping[active] / 8, 1e-12), damping[active] * 6)
        promised = -(slope * (trial - at)).sum(axis=1)
        flat = falls & (damping[active] < 1e-2) & (promised <= tolerance * np.abs(value[active]))
        still = np.abs(trial - at).max(axis=1) < 1e-11
        active = active[~(flat | still | (damping[active] > 1e14))]
        if not len(active):
            break
    return Optimum(points, value)


@np.errstate(over="ignore", invalid="ignore")  # far from the data, at points that are rejected
def derivatives(shape: Shape, loss: Loss, points: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Summed loss (B,), gradient (B, P), Hessian (B, P, P) and a safe curvature of each coordinate (B, P)."""
    prediction, slopes, curvatures = shape.predict(points)
    nothing = (prediction < 1e-200).any(axis=1)  # infinite loss, which is rejected
    prediction = np.maximum(prediction, 1e-200)
    relative = slopes / prediction[..., None]  # (B, K, P) slope of the log prediction
    parts = loss(np.log(prediction))
    pull = parts.first / prediction
    slope = (parts.first[..., None] * relative).sum(axis=1)
    hessian = np.swapaxes(relative * (parts.second - parts.first)[..., None], 1, 2) @ relative
    for row, column, curvature in curvatures:
        added = (pull * curvature).sum(axis=1)
        hessian[:, row, column] += added
        if row != column:
            hessian[:, column, row] += added
    safe = (parts.safe[..., None] * relative**2).sum(axis=1)
    return np.where(nothing, np.inf, parts.value.sum(axis=1)), slope, hessian, safe


def covariance(shape: Shape, loss: Loss, point: Floats, level: float) -> Floats | None:
    """The inverse Hessian of the loss at its minimum (1, P), over the law's parameters: (P, P).

    Parameters that `shape.logarithmic` marks enter by their logs. A coefficient of 0 is fixed, without variance. None
    where the Hessian does not identify all of the others.
    """
    hessian = derivatives(shape, loss, point)[2][0]
    free = (point[0] > shape.lower) & (point[0] < shape.upper)
    inner = hessian[np.ix_(free, free)]
    scale = np.sqrt(np.maximum(np.diag(inner), 1e-300))
    values, vectors = np.linalg.eigh(inner / scale / scale[:, None])
    if shape.bounded(point)[0] or values.min() < 1e-12:
        return None
    turned = vectors / scale[:, None]
    inverse = np.zeros_like(hessian)
    inverse[np.ix_(free, free)] = turned / values @ turned.T
    steps = np.where(free, 1e-6 * np.maximum(np.abs(point[0]), 1e-2), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        up, down = (shape.parameters(point + way * np.diag(steps), level) for way in (1, -1))
        up, down = (np.where(shape.logarithmic, np.log(spread), spread) for spread in (up, down))
        slopes = np.where(free[:, None] & np.isfinite(up), (up - down) / (2 * steps[:, None]), 0.0)
    spread = slopes.T @ inverse @ slopes
    return spread if np.isfinite(spread).all() else None


def _step(at: Floats, state: Sequence[Floats], damping: Floats, box: tuple[Floats, Floats, Mask]) -> Floats:
    """A damped Newton step (B, P) with the absolute curvature; coordinates pressed against a bound do not move."""
    (slope, hessian, safe), (lower, upper, moves) = state, box
    held = ~moves | ((at <= lower) & (slope > 0)) | ((at >= upper) & (slope < 0))
    # Scaled by each coordinate's curvature, so that the damping acts equally on all.
    scale = np.sqrt(np.maximum(np.maximum(safe, np.abs(np.diagonal(hessian, axis1=1, axis2=2))), 1e-30))
    slope = np.where(held, 0.0, slope / scale)
    hessian = np.where(held[:, :, None] | held[:, None, :], 0.0, hessian / scale[:, :, None] / scale[:, None, :])
    values, vectors = np.linalg.eigh(hessian)
    turned = np.swapaxes(vectors, 1, 2) @ slope[..., None]
    turned /= (np.maximum(np.abs(values), 1e-14) + damping[:, None])[..., None]
    return np.asarray(-(vectors @ turned)[..., 0] / scale)
