"""Laws as sums of terms over given data: what the optimiser sees of a law."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from analysis.arrays import Floats
from analysis.fits.terms import Term

LARGEST = 1e15  # of a coefficient, in units of the data's own level


class Prediction(NamedTuple):
    """Predictions (B, K), their slopes (B, K, P), and second derivatives that are not zero as (row, column, (B, K))."""

    value: Floats
    slopes: Floats
    curvatures: list[tuple[int, int, Floats]]


class Shape:
    """A law as a sum of J terms, their P coordinates one after the other, each term's coefficient first.

    Attributes:
        lower, upper: (P,) the box.
        coefficients: (J,) which coordinates are coefficients.
        logarithmic: (P,) which of the law's parameters are told by their logs.
    """

    def __init__(self, *terms: Term) -> None:
        self.terms = terms
        ends = np.cumsum([len(term.lower) + 1 for term in terms])
        self.coefficients = np.r_[0, ends[:-1]]
        self.others = [slice(int(first) + 1, int(end)) for first, end in zip(self.coefficients, ends, strict=True)]
        self.lower = np.concatenate([np.r_[0.0, term.lower] for term in terms])
        self.upper = np.concatenate([np.r_[LARGEST, term.upper] for term in terms])
        self.logarithmic = np.concatenate([term.logarithmic for term in terms])

    def starts(self) -> Floats:
        """Every combination of the terms' starts (S, P), each term 1 / J of the data's level where it is largest."""
        combined = itertools.product(*(term.starts for term in self.terms))
        points = np.array([np.concatenate([np.r_[0.0, start] for start in starts]) for starts in combined])
        return self.with_terms(points, 1 / len(self.terms))

    def with_terms(self, points: Floats, share: float) -> Floats:
        """The points (B, P) with every coordinate given effect, and every term, where it is largest, at least `share`
        of the data's level."""
        found = points.copy()
        for term, first, own in zip(self.terms, self.coefficients, self.others, strict=True):
            found[:, own] = term.visible(points[:, own])
            found[:, first] = np.maximum(found[:, first], share * np.exp(-term(found[:, own]).logs.max(axis=1)))
        return found

    def predict(self, points: Floats) -> Prediction:
        """What the law predicts at (B, P), with its derivatives."""
        parts = [term(points[:, own]) for term, own in zip(self.terms, self.others, strict=True)]
        size = parts[0].logs.shape
        value, slopes = np.zeros(size), np.zeros((*size, points.shape[1]))
        curvatures: list[tuple[int, int, Floats]] = []
        for first, own, part in zip(self.coefficients, self.others, parts, strict=True):
            one = np.exp(part.logs)  # the term with coefficient 1
            term = points[:, first, None] * one
            value += term
            slopes[..., first] = one
            slopes[..., own] = term[..., None] * part.slopes
            bends = {(row, column): bend for row, column, bend in part.curvatures}
            for row in range(own.stop - own.start):
                curvatures.append((int(first), own.start + row, one * part.slopes[..., row]))
                for column in range(row, own.stop - own.start):
                    bend = part.slopes[..., row] * part.slopes[..., column] + bends.get((row, column), 0.0)
                    curvatures.append((own.start + row, own.start + column, term * bend))
        return Prediction(value, slopes, curvatures)

    def parameters(self, points: Floats, level: float) -> Floats:
        """The law's parameters in its own order (B, P), from coordinates (B, P) of data divided by exp(level)."""
        with np.errstate(divide="ignore"):
            logs = np.log(points[:, self.coefficients]) + level
        each = [
            term.parameters(logs[:, index], points[:, own])
            for index, (term, own) in enumerate(zip(self.terms, self.others, strict=True))
        ]
        found = np.stack(list(itertools.chain.from_iterable(each)), axis=1)
        return np.where(self.logarithmic, np.exp(np.where(self.logarithmic, found, 0.0)), found)

    def bounded(self, points: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether, at (B, P), something other than a coefficient lies on its bound or has no term to belong to."""
        edge = 1e-9 * np.maximum(1.0, np.abs(points))
        on_bound = (points <= self.lower + edge) | (points >= self.upper - edge)
        found = np.zeros(len(points), dtype=bool)
        for first, own in zip(self.coefficients, self.others, strict=True):
            idle = points[:, first] == 0
            found |= on_bound[:, own].any(axis=1) | (idle if own.stop > own.start else False)
        return found
