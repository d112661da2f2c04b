"""The terms of laws, which are sums of terms, in coordinates that suit an optimiser.

Sizes enter as l = log N - mean log N, and a term's coefficient is its value at l = 0. So nothing depends on the units
of N, coordinates are of order one for any N, a coefficient and its exponent are nearly independent, and a term that
does not improve the fit ends at a coefficient of exactly 0.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from analysis.arrays import Floats

# The largest change of a term over the fitted range, in powers of e; an exponent there is a limit, not an estimate.
STEEPEST = 60.0
# The largest power of N by which error may rise: a rise at the largest size only does not support a law.
STEEPEST_RISE = 2.0
Rows = npt.NDArray[np.intp]


class Part(NamedTuple):
    """A term with coefficient 1 at B points of its p - 1 other coordinates.

    Attributes:
        logs: (B, K) its log, 0 at l = 0.
        slopes: (B, K, p - 1) the derivatives of the log.
        curvatures: (coordinate, coordinate, (B, K)) of the log's nonzero second derivatives, each pair once.
    """

    logs: Floats
    slopes: Floats
    curvatures: tuple[tuple[int, int, Floats], ...] = ()


class Term(Protocol):
    """One term of a law over given data. The first of its p coordinates is its coefficient, at least 0.

    Attributes:
        lower, upper: (p - 1,) the box of the others.
        starts: (S, p - 1) where a search starts.
        logarithmic: (p,) whether `parameters` returns each parameter as its log.
    """

    lower: Floats
    upper: Floats
    starts: Floats
    logarithmic: tuple[bool, ...]

    def __call__(self, points: Floats) -> Part:
        """The term at (B, p - 1)."""

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        """The law's p parameters, each (B,), for (B,) and (B, p - 1)."""

    def visible(self, points: Floats) -> Floats:
        """The points (B, p - 1), with a coordinate that has no effect moved to where it has a small one."""

    def at(self, rows: Rows) -> Term:
        """The same term, in the same coordinates, over some of the data: `rows` are their indices."""


def copied(term: Any, **changed: Any) -> Any:
    """A copy of `term` with other attributes."""
    other = copy.copy(term)
    vars(other).update(changed)
    return other


class Constant:
    """E, the same at each of K sizes."""

    logarithmic: tuple[bool, ...] = (False,)  # it may be close to 0, so its log is not used

    def __init__(self, sizes: Floats) -> None:
        self.count = len(sizes)
        self.lower = self.upper = np.zeros(0)
        self.starts = np.zeros((1, 0))

    def __call__(self, points: Floats) -> Part:
        shape = (len(points), self.count)
        return Part(np.zeros(shape), np.zeros((*shape, 0)))

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        return [np.exp(log_coefficient)]

    def visible(self, points: Floats) -> Floats:
        return points

    def at(self, rows: Rows) -> Constant:
        return cast(Constant, copied(self, count=len(rows)))


class Power:
    """A N^-a, from sizes (K,). `changes` are the starts: the falls over the range, in powers of e."""

    logarithmic: tuple[bool, ...] = (True, False)

    def __init__(self, sizes: Floats, changes: Sequence[float], falls: bool = True, rises: bool = True) -> None:
        logs = np.log(sizes)
        self.centre, self.spread = float(logs.mean()), float(np.ptp(logs))
        self.logs = logs - self.centre
        steepest = STEEPEST / self.spread
        self.lower = np.array([-steepest if rises else 0.0])
        self.upper = np.array([steepest if falls else 0.0])
        self.starts = np.array(changes)[:, None] / self.spread

    def __call__(self, points: Floats) -> Part:
        slopes = np.broadcast_to(-self.logs[:, None], (len(points), len(self.logs), 1))
        return Part(-points * self.logs, slopes)

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        return [log_coefficient + points[:, 0] * self.centre, points[:, 0]]

    def visible(self, points: Floats) -> Floats:
        return points

    def at(self, rows: Rows) -> Power:
        return cast(Power, copied(self, logs=self.logs[rows]))


class Rising(Power):
    """B N^b: a power that never falls, whose exponent is reported with opposite sign."""

    def __init__(self, sizes: Floats, changes: Sequence[float]) -> None:
        super().__init__(sizes, [-change for change in changes], falls=False)
        self.lower = np.maximum(self.lower, -STEEPEST_RISE)
        self.starts = np.maximum(self.starts, self.lower / 2)

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        amplitude, exponent = super().parameters(log_coefficient, points)
        return [amplitude, np.abs(exponent)]


class Saturating:
    """B / (D + N^b), from sizes (K,): coordinates (coefficient, log D in units of the central N^b, b)."""

    logarithmic: tuple[bool, ...] = (True, True, False)

    def __init__(self, sizes: Floats, changes: Sequence[float]) -> None:
        logs = np.log(sizes)
        self.centre = float(logs.mean())
        self.logs = logs - self.centre
        spread = float(np.ptp(logs))
        self.lower = np.array([-2 * STEEPEST, 1e-3 / spread])
        self.upper = np.array([2 * STEEPEST, STEEPEST / spread])
        # The bend, where D = N^b, early, amid and late in the range.
        bends = np.quantile(self.logs, [0.1, 0.5, 0.9])
        self.starts = np.array([(bend * b, b) for b in np.array(changes) / spread for bend in bends])

    def __call__(self, points: Floats) -> Part:
        log_d, b = points[:, :1], points[:, 1:]
        past = b * self.logs - log_d  # log of N^b / D
        share, centre = expit(past), expit(-log_d)  # of N^b in D + N^b, at each size and at the centre
        logs = np.logaddexp(log_d, 0.0) - np.logaddexp(log_d, b * self.logs)
        slopes = np.stack([share - centre, -self.logs * share], axis=-1)
        turn = share * expit(-past)
        return Part(
            logs,
            slopes,
            ((0, 0, centre * expit(log_d) - turn), (0, 1, self.logs * turn), (1, 1, -(self.logs**2) * turn)),
        )

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        log_d, b = points.T
        amplitude = log_coefficient + np.logaddexp(log_d, 0.0) + b * self.centre
        # A D without effect even at the smallest size is reported as 0.
        unseen = log_d - b * self.logs.min() < np.log(1e-9)
        return [amplitude, np.where(unseen, -np.inf, log_d + b * self.centre), b]

    def visible(self, points: Floats) -> Floats:
        log_d, b = points.T
        return np.stack([np.maximum(log_d, b * self.logs.min() - 3.0), b], axis=1)  # D is 5 % of the smallest N^b

    def at(self, rows: Rows) -> Saturating:
        return cast(Saturating, copied(self, logs=self.logs[rows]))


class Effective:
    """A (P + k M)^-a, from positives P and negatives M (K,), M partly above 0.

    Coordinates (coefficient, a, z): with P and M in units of their means, k = k_least + exp(z), where at k_least the
    effective data of some point is 0. k = 0 is allowed, and so is k < 0: a negative may hurt.
    """

    logarithmic: tuple[bool, ...] = (True, False, False)

    def __init__(self, positives: Floats, negatives: Floats, changes: Sequence[float]) -> None:
        self.units = float(positives.mean()), float(negatives.mean())
        self.positives, self.negatives = positives / self.units[0], negatives / self.units[1]
        some = self.negatives > 0
        self.least = -float((self.positives[some] / self.negatives[some]).min())
        spread = float(np.ptp(np.log(self.positives + self.negatives)))
        steepest = STEEPEST / spread
        self.lower = np.array([-steepest, np.log(-self.least * 1e-6)])
        self.upper = np.array([steepest, np.log(1e6)])
        rates = (0.5 * self.least, 0.0, 0.3, 3.0)
        self.starts = np.array([(change / spread, np.log(k - self.least)) for change in changes for k in rates])

    def __call__(self, points: Floats) -> Part:
        a, above = points[:, :1], np.exp(points[:, 1:])
        k = self.least + above
        data = self.positives + k * self.negatives  # P + k M, of mean 1 + k
        logs = np.log(data) - np.log1p(k)
        share = above * (self.negatives / data - 1 / (1 + k))  # slope of `logs` in z
        bend = share - above**2 * ((self.negatives / data) ** 2 - (1 + k) ** -2.0)
        return Part(-a * logs, np.stack([-logs, -a * share], axis=-1), ((0, 1, -share), (1, 1, -a * bend)))

    def parameters(self, log_coefficient: Floats, points: Floats) -> list[Floats]:
        a, k = points[:, 0], self.least + np.exp(points[:, 1])
        positives, negatives = self.units
        return [log_coefficient + a * (np.log(positives) + np.log1p(k)), a, k * positives / negatives]

    def visible(self, points: Floats) -> Floats:
        return points

    def at(self, rows: Rows) -> Effective:
        return cast(Effective, copied(self, positives=self.positives[rows], negatives=self.negatives[rows]))
