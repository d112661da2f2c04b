"""A power of N whose exponent changes at one or more breaks, in coordinates that suit an optimiser."""

from __future__ import annotations

import itertools
from typing import cast

import numpy as np
from scipy.special import expit

from analysis.arrays import Floats
from analysis.fits.terms import STEEPEST, Part, Rows, copied

# Widths of a break, in the range of log N: a narrower one lies between two sizes, a wider one is no break.
NARROWEST, WIDEST = 0.01, 1.0
FALLS = ((0.3, 3.0), (3.0, 0.3), (1.0, -1.0), (0.0, 6.0), (6.0, 0.0), (1.0, 1.5))  # over the range, in powers of e
TWICE = ((0.3, 3.0, 0.3), (3.0, 0.3, 3.0), (1.0, 1.0, -1.0), (0.0, 6.0, 1.0), (1.0, 0.0, 2.0), (1.0, 1.5, 2.0))
PLACES = (0.2, 0.5, 0.8)
WIDTHS = (0.04, 0.2)


class Broken:
    """B N^-c0 prod_i (1 + (N / d_i)^(1 / f_i))^(-c_i f_i) (Caballero et al. 2023, arXiv 2210.14891, eq. 1), sizes (K,).

    Coordinates: the coefficient, c0, then for each break c_i, log d_i from the centre, and log f_i. A break lies within
    the fitted range. Its parameters come in the order d_i, c_i, f_i, the smallest break first.
    """

    def __init__(self, sizes: Floats, breaks: int) -> None:
        logs = np.log(sizes)
        self.centre, self.breaks = float(logs.mean()), breaks
        self.logs = logs - self.centre
        spread = float(np.ptp(logs))
        steepest = STEEPEST / spread
        widths = np.log(np.array([NARROWEST, WIDEST]) * spread)
        self.lower = np.r_[-steepest, np.tile([-steepest, self.logs.min(), widths[0]], breaks)]
        self.upper = np.r_[steepest, np.tile([steepest, self.logs.max(), widths[1]], breaks)]
        self.logarithmic: tuple[bool, ...] = (True, False, *(True, False, True) * breaks)
        starts = []
        for falls in FALLS if breaks == 1 else TWICE:
            exponents = np.array(falls) / spread
            for places in itertools.combinations(PLACES, breaks):
                at = np.quantile(self.logs, places)
                for width in WIDTHS:
                    bends = [
                        (c, place, np.log(width * spread)) for c, place in zip(np.diff(exponents), at, strict=True)
                    ]
                    starts.append(np.r_[exponents[0], np.ravel(bends)])
        self.starts = np.array(starts)

    def __call__(self, points: Floats) -> Part:
        slopes = np.zeros((len(points), len(self.logs), points.shape[1]))
        logs = -points[:, :1] * self.logs
        slopes[..., 0] = -self.logs
        curvatures = []
        for place in range(1, 1 + 3 * self.breaks, 3):
            change, at, log_width = (points[:, place + offset, None] for offset in range(3))
            width = np.exp(log_width)
            value, on_at, on_width, bends = _bend(self.logs - at, width)
            centre, centre_on_at, centre_on_width, centre_bends = _bend(-at, width)
            logs = logs - change * (value - centre)
            first, second = on_at - centre_on_at, on_width - centre_on_width
            slopes[..., place], slopes[..., place + 1], slopes[..., place + 2] = (
                -(value - centre),
                -change * first,
                -change * second,
            )
            at_at, at_width, width_width = (
                -change * (bend - other) for bend, other in zip(bends, centre_bends, strict=True)
            )
            curvatures += [
                (place, place + 1, -first),
                (place, place + 2, -second),
                (place + 1, place + 1, at_at),
                (place + 1, place + 2, at_width),
                (place + 2, place + 2, width_width),
            ]
        return Part(logs, slopes, tuple(curvatures))

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        changes, places, widths = (points[:, 1 + offset :: 3] for offset in range(3))
        inner = np.exp(widths) * np.logaddexp(0.0, -places * np.exp(-widths))  # of the coefficient, taken at the centre
        amplitude = log_coefficient + points[:, 0] * self.centre + (changes * inner).sum(axis=1)
        order = np.argsort(places, axis=1)
        ordered = [np.take_along_axis(each, order, axis=1) for each in (places + self.centre, changes, widths)]
        return [amplitude, points[:, 0], *np.stack(ordered, axis=2).reshape(len(points), -1).T]

    def visible(self, points: Floats) -> Floats:
        return points

    def at(self, rows: Rows) -> Broken:
        return cast(Broken, copied(self, logs=self.logs[rows]))


def _bend(past: Floats, width: Floats) -> tuple[Floats, Floats, Floats, tuple[Floats, Floats, Floats]]:
    """f log(1 + e^(u / f)) at u = log N - log d, with its slopes in log d and log f and its second derivatives.

    The second derivatives are in (log d, log d), (log d, log f) and (log f, log f).
    """
    ratio = past / width
    share = expit(ratio)
    turn = share * (1 - share)
    value = width * np.logaddexp(0.0, ratio)
    on_width = value - past * share
    return value, -share, on_width, (turn / width, turn * ratio, on_width + past * turn * ratio)
