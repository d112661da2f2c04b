"""The laws of one size by name, each in the coordinates of the optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.fits.laws import FloorLaw, Law, LawName, PowerLaw, RectifiedLaw, TurningLaw
from analysis.fits.shapes import Shape
from analysis.fits.terms import Constant, Power, Rising, Saturating


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


LAWS: dict[LawName, tuple[type[Any], Callable[[Floats], Shape]]] = {
    "power": (PowerLaw, _power),
    "floor": (FloorLaw, _floor),
    "rectified": (RectifiedLaw, _rectified),
    "turning": (TurningLaw, _turning),
}


def size_shape(law: LawName, sizes: Floats) -> Shape:
    """A law over sizes (K,) in the coordinates of the optimiser.

    Raises:
        ValueError: an unknown law, or fewer distinct sizes than it has parameters.
    """
    if law not in LAWS:
        raise ValueError(f"unknown law {law!r}; there are {', '.join(LAWS)}")
    kind, build = LAWS[law]
    needed, distinct = len(fields(kind)), len(np.unique(sizes))
    if distinct < needed:
        raise ValueError(f"the {law} law has {needed} parameters and needs as many sizes or more, not {distinct}")
    return build(sizes)


def make_law(law: LawName, values: Floats) -> Law:
    """A law from its parameters (P,) in its order."""
    named: Law = LAWS[law][0](*map(float, values))
    return named
