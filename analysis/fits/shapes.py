"""Laws as sums of terms over given data, in the coordinates of the optimiser."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from analysis.arrays import Floats
from analysis.fits.terms import Rows, Term

LARGEST = 1e15  # of a coefficient, relative to the level of the data


class Prediction(NamedTuple):
    """Predictions (B, K), their slopes (B, K, P), and second derivatives that are not zero as (row, column, (B, K))."""

    value: Floats
    slopes: Floats
    curvatures: list[tuple[int, int, Floats]]


class Shape:
    """A law as a sum of J terms; their P coordinates are concatenated, each term's coefficient first.

    Attributes:
        lower, upper: (P,) the box.
        coefficients: (J,) the places of the coefficients.
        logarithmic: (P,) whether each of the law's parameters is given by its log.
        refit_steps: the most steps of a refit to a bootstrap draw.
    """

    refit_steps = 500

    def __init__(self, *terms: Term) -> None:
        self.terms = terms
        ends = np.cumsum([len(term.lower) + 1 for term in terms])
        self.coefficients = np.r_[0, ends[:-1]]
        self.others = [slice(int(first) + 1, int(end)) for first, end in zip(self.coefficients, ends, strict=True)]
        self.lower = np.concatenate([np.r_[0.0, term.lower] for term in terms])
        self.upper = np.concatenate([np.r_[LARGEST, term.upper] for term in terms])
        self.logarithmic = np.concatenate([term.logarithmic for term in terms])

    def at(self, rows: Rows) -> Shape:
        """The same law, in the same coordinates, over the data of these indices."""
        return Shape(*(term.at(rows) for term in self.terms))

    def starts(self) -> Floats:
        """Every combination of the terms' starts (S, P), each term 1 / J of the data's level where it is largest."""
        combined = itertools.product(*(term.starts for term in self.terms))
        points = np.array([np.concatenate([np.r_[0.0, start] for start in starts]) for starts in combined])
        return self.with_terms(points, 1 / len(self.terms))

    def with_terms(self, points: Floats, share: float) -> Floats:
        """The points (B, P), changed so that every coordinate matters and every term's maximum is at least `share`.

        `share` is relative to the level of the data.
        """
        visible = points.copy()
        for term, first, others in zip(self.terms, self.coefficients, self.others, strict=True):
            visible[:, others] = term.visible(points[:, others])
            visible[:, first] = np.maximum(
                visible[:, first], share * np.exp(-term(visible[:, others]).logs.max(axis=1))
            )
        return visible

    def predict(self, points: Floats) -> Prediction:
        """The predictions at (B, P), with their derivatives."""
        parts = [term(points[:, others]) for term, others in zip(self.terms, self.others, strict=True)]
        size = parts[0].logs.shape
        value, slopes = np.zeros(size), np.zeros((*size, points.shape[1]))
        curvatures: list[tuple[int, int, Floats]] = []
        for first, others, part in zip(self.coefficients, self.others, parts, strict=True):
            one = np.exp(part.logs)  # the term with coefficient 1
            term = points[:, first, None] * one
            value += term
            slopes[..., first] = one
            slopes[..., others] = term[..., None] * part.slopes
            bends = {(row, column): bend for row, column, bend in part.curvatures}
            for row in range(others.stop - others.start):
                curvatures.append((int(first), others.start + row, one * part.slopes[..., row]))
                for column in range(row, others.stop - others.start):
                    bend = part.slopes[..., row] * part.slopes[..., column] + bends.get((row, column), 0.0)
                    curvatures.append((others.start + row, others.start + column, term * bend))
        return Prediction(value, slopes, curvatures)

    def parameters(self, points: Floats, level: float) -> Floats:
        """The law's parameters in its order (B, P), from coordinates (B, P) of data divided by exp(level)."""
        with np.errstate(divide="ignore"):
            logs = np.log(points[:, self.coefficients]) + level
        each = [
            term.parameters(logs[:, index], points[:, others])
            for index, (term, others) in enumerate(zip(self.terms, self.others, strict=True))
        ]
        values = np.stack(list(itertools.chain.from_iterable(each)), axis=1)
        return np.where(self.logarithmic, np.exp(np.where(self.logarithmic, values, 0.0)), values)

    def bounded(self, points: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether, at (B, P), a coordinate other than a coefficient is on its bound or belongs to a term of size 0."""
        edge = 1e-9 * np.maximum(1.0, np.abs(points))
        on_bound = (points <= self.lower + edge) | (points >= self.upper - edge)
        bounded = np.zeros(len(points), dtype=bool)
        for first, others in zip(self.coefficients, self.others, strict=True):
            idle = points[:, first] == 0
            bounded |= on_bound[:, others].any(axis=1) | (idle if others.stop > others.start else False)
        return bounded
