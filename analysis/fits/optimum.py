"""Minimise a loss of a law's predictions, from many starts or for many bootstrap draws at once.

Damped Newton steps with exact derivatives inside a box, all fits in one array: a thousand draws of a curve take a
fraction of a second, where an optimiser of scipy's called a thousand times takes many. The tests hold it against
scipy's own optimisers.
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
EXACT = 1e-15  # of its loss, less than which a step may promise at a minimum: what rounding leaves
DIRECT = 4  # starts that also go to a robust loss directly
FAINT = 1e-3  # of the data's level, that a term is made where it should be seen again


class Optimum(NamedTuple):
    """Where B fits ended: coordinates (B, P) and summed losses (B,)."""

    points: Floats
    values: Floats

    @property
    def best(self) -> Floats:
        """The coordinates (1, P) of the least loss."""
        index = int(self.values.argmin())
        return np.asarray(self.points[index : index + 1])


def search(shape: Shape, losses: Sequence[Loss]) -> Optimum:
    """Where each of the law's default starts ends; the losses are taken one after the other, each from the last's end.

    A start is a choice of the coordinates that are not linear: its coefficients are first fitted alone. Where there are
    several losses the most promising starts also take the last ones directly, and end where it is lower: the first
    loss leads out of poor regions, but now and then past the best minimum of the last.
    """
    starts = shape.starts()
    linear = np.zeros(starts.shape[1], dtype=bool)
    linear[shape.coefficients] = True
    profiled = minimise(shape, losses[0], starts, linear)
    starts = shape.with_terms(profiled.points, FAINT)
    found = descend(shape, losses, starts)
    if len(losses) > 1:
        promising = np.argsort(profiled.values)[:DIRECT]
        direct = descend(shape, losses[-2:], starts[promising])
        lower = direct.values < found.values[promising]
        found.points[promising[lower]], found.values[promising[lower]] = direct.points[lower], direct.values[lower]
    return found


def descend(shape: Shape, losses: Sequence[Loss], starts: Floats, tolerance: float = EXACT) -> Optimum:
    """Minimise one loss after the other from starts (B, P), giving terms that went to nothing another chance."""
    found = minimise(shape, losses[0], starts, tolerance=tolerance)
    woken = _wake(shape, losses[0], found.points)
    rows = np.flatnonzero((woken != found.points).any(axis=1))
    if len(rows):
        again = minimise(shape, losses[0].rows(rows), woken[rows], tolerance=tolerance)
        better = again.values < found.values[rows]
        found.points[rows[better]], found.values[rows[better]] = again.points[better], again.values[better]
    for loss in losses[1:]:
        found = minimise(shape, loss, found.points, tolerance=tolerance)
    return found


def _wake(shape: Shape, loss: Loss, points: Floats) -> Floats:
    """The points (B, P), with terms whose coefficient is 0 brought back where another of their starts would help.

    A term can leave with coordinates that do not suit it, an exponent of the wrong sign say, and then the slope of its
    coefficient says only that these do not help.
    """
    found = points.copy()
    for term, first, own in zip(shape.terms, shape.coefficients, shape.others, strict=True):
        idle = np.flatnonzero(points[:, first] == 0) if own.stop > own.start else np.zeros(0, dtype=int)
        if not len(idle):
            continue
        best = np.zeros(len(idle))
        for start in term.starts:
            trial = points[idle]
            trial[:, own] = start
            largest = np.exp(term(trial[:, own]).logs.max(axis=1))
            gain = -derivatives(shape, loss.rows(idle), trial)[1][:, first] / largest
            better = gain > np.maximum(best, 1e-9)
            best = np.where(better, gain, best)
            trial[:, first] = FAINT / largest
            found[idle[better]] = trial[better]
    return found


def minimise(shape: Shape, loss: Loss, starts: Floats, free: npt.ArrayLike = True, tolerance: float = 1e-15) -> Optimum:
    """Descend from starts (B, P), moving the coordinates that `free` (P,) names; none ends above where it started.

    A fit has ended when a full step promises less than `tolerance` of its loss.
    """
    box = shape.lower, shape.upper, np.broadcast_to(np.asarray(free, dtype=bool), shape.lower.shape)
    points = np.clip(starts, shape.lower, shape.upper)
    value, *state = derivatives(shape, loss, points)
    damping = np.full(len(points), 1e-3)
    active = np.arange(len(points))
    for _ in range(MAX_STEPS):
        at, slope = points[active], state[0][active]
        trial = at + _step(at, [part[active] for part in state], damping[active], box)
        trial = np.clip(trial, shape.lower, shape.upper)
        new_value, *new_state = derivatives(shape, loss.rows(active), trial)
        # The slack is the rounding error of the sum: without it the last digits are never reached.
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


@np.errstate(over="ignore", invalid="ignore")  # far from the data, where no step is taken to
def derivatives(shape: Shape, loss: Loss, points: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Summed loss (B,), gradient (B, P), Hessian (B, P, P) and a safe curvature of each coordinate (B, P)."""
    prediction, slopes, curvatures = shape.predict(points)
    nothing = (prediction < 1e-200).any(axis=1)  # infinite loss, to which no step is taken
    prediction = np.maximum(prediction, 1e-200)
    relative = slopes / prediction[..., None]  # (B, K, P) slope of the log prediction
    parts = loss(np.log(prediction))
    pull = parts.first / prediction
    slope = (parts.first[..., None] * relative).sum(axis=1)
    hessian = np.swapaxes(relative * (parts.second - parts.first)[..., None], 1, 2) @ relative
    for row, column, curvature in curvatures:
        found = (pull * curvature).sum(axis=1)
        hessian[:, row, column] += found
        if row != column:
            hessian[:, column, row] += found
    safe = (parts.safe[..., None] * relative**2).sum(axis=1)
    return np.where(nothing, np.inf, parts.value.sum(axis=1)), slope, hessian, safe


def covariance(shape: Shape, loss: Loss, point: Floats, level: float) -> Floats | None:
    """The inverse of the loss's curvature at its minimum (1, P), over the law's parameters: (P, P).

    Those parameters that `shape.logarithmic` names are meant by their logs. A coefficient of 0 is held there, without
    variance. None where the curvature does not tell all of the others.
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
        up, down = (np.where(shape.logarithmic, np.log(found), found) for found in (up, down))
        slopes = np.where(free[:, None] & np.isfinite(up), (up - down) / (2 * steps[:, None]), 0.0)
    found = slopes.T @ inverse @ slopes
    return found if np.isfinite(found).all() else None


def _step(at: Floats, state: Sequence[Floats], damping: Floats, box: tuple[Floats, Floats, Mask]) -> Floats:
    """A damped Newton step (B, P) that treats downward curvature as upward; pressed coordinates stay."""
    (slope, hessian, safe), (lower, upper, moves) = state, box
    held = ~moves | ((at <= lower) & (slope > 0)) | ((at >= upper) & (slope < 0))
    # In units of each coordinate's own curvature, so that the damping means the same for all.
    scale = np.sqrt(np.maximum(np.maximum(safe, np.abs(np.diagonal(hessian, axis1=1, axis2=2))), 1e-30))
    slope = np.where(held, 0.0, slope / scale)
    hessian = np.where(held[:, :, None] | held[:, None, :], 0.0, hessian / scale[:, :, None] / scale[:, None, :])
    values, vectors = np.linalg.eigh(hessian)
    turned = np.swapaxes(vectors, 1, 2) @ slope[..., None]
    turned /= (np.maximum(np.abs(values), 1e-14) + damping[:, None])[..., None]
    return np.asarray(-(vectors @ turned)[..., 0] / scale)
