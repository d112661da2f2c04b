"""Terms of joint laws over positives P and negatives M, in coordinates that suit an optimiser."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import numpy as np

from analysis.arrays import Floats
from analysis.fits.terms import STEEPEST, Part, Rows, copied

NEARLY_LINEAR, SHARPEST = 1e-4, 50.0  # largest M / P over the ratio at which a worth saturates


class Product:
    """A P^-a M^-b, from P and M (K,), all above 0: coordinates (coefficient, a, b)."""

    logarithmic: tuple[bool, ...] = (True, False, False)

    def __init__(self, positives: Floats, negatives: Floats, changes: Sequence[float]) -> None:
        logs = np.log(np.stack([positives, negatives]))
        self.centres = logs.mean(axis=1)
        self.logs = logs - self.centres[:, None]
        steepest = STEEPEST / np.ptp(logs, axis=1)
        self.lower, self.upper = -steepest, steepest
        self.starts = np.array(list(itertools.product(changes, changes))) / np.ptp(logs, axis=1)

    def __call__(self, points: Floats) -> Part:
        slopes = np.broadcast_to(-self.logs.T, (len(points), *self.logs.T.shape))
        return Part(-points @ self.logs, slopes)

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        return [log_coefficient + points @ self.centres, *points.T]

    def visible(self, points: Floats) -> Floats:
        return points

    def at(self, rows: Rows) -> Product:
        return cast(Product, copied(self, logs=self.logs[:, rows]))


class Saturating:
    """A (P + kappa P R (1 - exp(-m / R)))^-a with m = M / P, from P and M (K,), M partly above 0.

    Coordinates (coefficient, a, w, s): at the largest m, effective data are e^w P, and s is that m over R. So effective
    data are positive everywhere, and what the data show best, the worth of all negatives, is a coordinate.
    """

    logarithmic: tuple[bool, ...] = (True, False, False, True)

    def __init__(self, positives: Floats, negatives: Floats, changes: Sequence[float]) -> None:
        logs = np.log(positives)
        self.centre = float(logs.mean())
        self.logs = logs - self.centre
        each = negatives / positives
        self.most = float(each.max())
        self.share = each / self.most
        spread = float(np.ptp(np.log(positives + negatives)))
        steepest = STEEPEST / spread
        self.lower = np.array([-steepest, -STEEPEST, NEARLY_LINEAR])
        self.upper = np.array([steepest, STEEPEST, SHARPEST])
        worths = (-0.5, 0.3, 1.0, 3.0)
        self.starts = np.array(list(itertools.product(np.array(changes) / spread, worths, (0.3, 2.0, 8.0))))

    def __call__(self, points: Floats) -> Part:
        a, w, s = (points[:, place : place + 1] for place in range(3))
        share, on_s, turn = _saturation(self.share, s)
        added, factor = np.expm1(w), np.exp(w)
        data = (1 - share) + factor * share  # effective data over P; 1 + added share would round to 0
        logs = self.logs + np.log(data)
        by_w, by_s = factor * share / data, added * on_s / data
        bends = (
            (0, 1, -by_w),
            (0, 2, -by_s),
            (1, 1, -a * (by_w - by_w**2)),
            (1, 2, -a * factor * on_s / data**2),
            (2, 2, -a * (added * turn / data - by_s**2)),
        )
        return Part(-a * logs, np.stack([-logs, -a * by_w, -a * by_s], axis=-1), bends)

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        a, w, s = points.T
        kappa = np.expm1(w) * s / (self.most * -np.expm1(-s))
        return [log_coefficient + a * self.centre, a, kappa, np.log(self.most / s)]

    def visible(self, points: Floats) -> Floats:
        return points

    def at(self, rows: Rows) -> Saturating:
        return cast(Saturating, copied(self, logs=self.logs[rows], share=self.share[rows]))


class Repeated:
    """A (P + P R (1 - exp(-m / R)))^-a with m = M / P: the first negatives count as positives.

    Coordinates (coefficient, a, log R).
    """

    logarithmic: tuple[bool, ...] = (True, False, True)

    def __init__(self, positives: Floats, negatives: Floats, changes: Sequence[float]) -> None:
        logs = np.log(positives)
        self.centre = float(logs.mean())
        self.logs = logs - self.centre
        self.each = negatives / positives
        most = float(self.each.max())
        spread = float(np.ptp(np.log(positives + negatives)))
        self.lower = np.array([-STEEPEST / spread, np.log(most / SHARPEST**2)])
        self.upper = np.array([STEEPEST / spread, np.log(most / NEARLY_LINEAR)])
        rates = np.log(most / np.array([0.3, 3.0, 30.0]))
        self.starts = np.array(list(itertools.product(np.array(changes) / spread, rates)))

    def __call__(self, points: Floats) -> Part:
        a, rate = points[:, :1], np.exp(points[:, 1:])
        past = self.each / rate
        left = np.exp(-past)
        data = 1 - rate * np.expm1(-past)
        on_rate = rate * (1 - left - past * left)
        logs = self.logs + np.log(data)
        slope = on_rate / data
        turn = (on_rate - rate * past**2 * left) / data - slope**2
        return Part(-a * logs, np.stack([-logs, -a * slope], axis=-1), ((0, 1, -slope), (1, 1, -a * turn)))

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        a, log_rate = points.T
        return [log_coefficient + a * self.centre, a, log_rate]

    def visible(self, points: Floats) -> Floats:
        return points

    def at(self, rows: Rows) -> Repeated:
        return cast(Repeated, copied(self, logs=self.logs[rows], each=self.each[rows]))


def _saturation(share: Floats, s: Floats) -> tuple[Floats, Floats, Floats]:
    """g = (1 - e^(-s x)) / (1 - e^-s) at shares x (K,) and s (B, 1), with its first two derivatives in s, (B, K)."""
    top, below = -np.expm1(-s * share), -np.expm1(-s)
    top_slope, below_slope = share * np.exp(-s * share), np.exp(-s)
    value = top / below
    slope = (top_slope - value * below_slope) / below
    turn = (-share * top_slope - 2 * slope * below_slope + value * below_slope) / below
    return value, slope, turn
