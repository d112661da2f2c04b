"""The laws of one size by name, each in the coordinates of the optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.fits.breaks import Broken
from analysis.fits.broken_laws import BrokenFloorLaw, BrokenLaw, TwiceBrokenFloorLaw, TwiceBrokenLaw
from analysis.fits.laws import FloorLaw, Law, LawName, PowerLaw, RectifiedLaw, SigmoidLaw, TurningLaw
from analysis.fits.shapes import Shape
from analysis.fits.terms import Constant, Power, Rising, Rows, Saturating, Term


def _power(sizes: Floats) -> Shape:
    return Shape(Power(sizes, (-2, 0.5, 3)))


def _floor(sizes: Floats) -> Shape:
    return Shape(Constant(sizes), Power(sizes, (-6, -1, 0.5, 2, 6, 20)))


def _rectified(sizes: Floats) -> Shape:
    return Shape(Constant(sizes), Saturating(sizes, (1, 3, 8, 20)))


def bent_shape(sizes: Floats) -> Shape:
    """The rectified law without a floor, over sizes (K,): amplitude, prelearned, exponent."""
    return Shape(Saturating(sizes, (1, 3, 8, 20)))


def _turning(sizes: Floats) -> Shape:
    return Shape(Power(sizes, (0.5, 2, 6), rises=False), Rising(sizes, (0.5, 2, 6)))


class Sigmoid(Shape):
    """The rectified law in the letters of the sigmoid: asymptote, start, midpoint, exponent.

    A rising sigmoid is the rectified law of 1 / N, whose floor is its start.
    """

    def __init__(self, *terms: Term, rising: bool) -> None:
        super().__init__(*terms)
        self.rising = rising
        self.logarithmic = np.array([False, False, True, False])

    def at(self, rows: Rows) -> Sigmoid:
        return Sigmoid(*(term.at(rows) for term in self.terms), rising=self.rising)

    def parameters(self, points: Floats, level: float) -> Floats:
        saturating = self.terms[1]
        assert isinstance(saturating, Saturating), "the shape of the rectified law"
        floor, coefficient, log_d, exponent = points.T
        height = coefficient * np.exp(np.logaddexp(0.0, -log_d))  # where N is nothing
        start, asymptote = np.exp(level) * np.array([floor + height, floor])
        log_middle = saturating.centre + log_d / exponent
        if self.rising:
            start, asymptote, log_middle = asymptote, start, -log_middle
        with np.errstate(over="ignore"):
            return np.stack([asymptote, start, np.exp(log_middle), exponent], axis=1)


def _sigmoid(sizes: Floats, rising: bool = False) -> Shape:
    sizes = 1 / sizes if rising else sizes
    return Sigmoid(Constant(sizes), Saturating(sizes, (1, 3, 8, 20)), rising=rising)


def _broken(sizes: Floats) -> Shape:
    return Shape(Broken(sizes, 1))


def _broken_floor(sizes: Floats) -> Shape:
    return Shape(Constant(sizes), Broken(sizes, 1))


class _TwiceBroken(Shape):
    """Two breaks that the data do not tell apart leave a valley without an end: refits stop in it.

    Where both are identified, 40 steps suffice; where they are not, predictions at the largest size vary less by a
    tenth than those of refits of up to 500 steps (benchmarks/law_fits.py).
    """

    refit_steps = 40

    def at(self, rows: Rows) -> _TwiceBroken:
        return _TwiceBroken(*(term.at(rows) for term in self.terms))


def _twice_broken(sizes: Floats) -> Shape:
    return _TwiceBroken(Broken(sizes, 2))


def _twice_broken_floor(sizes: Floats) -> Shape:
    return _TwiceBroken(Constant(sizes), Broken(sizes, 2))


LAWS: dict[LawName, tuple[type[Any], Callable[[Floats], Shape]]] = {
    "power": (PowerLaw, _power),
    "floor": (FloorLaw, _floor),
    "rectified": (RectifiedLaw, _rectified),
    "turning": (TurningLaw, _turning),
    "sigmoid": (SigmoidLaw, _sigmoid),
    "broken": (BrokenLaw, _broken),
    "broken-floor": (BrokenFloorLaw, _broken_floor),
    "twice-broken": (TwiceBrokenLaw, _twice_broken),
    "twice-broken-floor": (TwiceBrokenFloorLaw, _twice_broken_floor),
}
# The laws that `auto` compares. The sigmoid is the rectified law, and broken laws have more parameters than the few
# sizes of a sweep support.
AUTO_LAWS: tuple[LawName, ...] = ("power", "floor", "rectified", "turning")


def size_shape(law: LawName, sizes: Floats, rising: bool = False) -> Shape:
    """A law over sizes (K,) in the coordinates of the optimiser; only the sigmoid has another form for `rising` data.

    Raises:
        ValueError: an unknown law, or fewer distinct sizes than it has parameters.
    """
    if law not in LAWS:
        raise ValueError(f"unknown law {law!r}; there are {', '.join(LAWS)}")
    kind, build = LAWS[law]
    needed, distinct = len(fields(kind)), len(np.unique(sizes))
    if distinct < needed:
        raise ValueError(f"the {law} law has {needed} parameters and needs as many sizes or more, not {distinct}")
    return _sigmoid(sizes, rising) if law == "sigmoid" else build(sizes)


def make_law(law: LawName, values: Floats) -> Law:
    """A law from its parameters (P,) in its order."""
    named: Law = LAWS[law][0](*map(float, values))
    return named
