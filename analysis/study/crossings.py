"""The price of a teacher solution above which a configuration is cheaper than the baseline at the same error.

To reach an error, the baseline needs N_b teacher solutions and computes C_b FLOPs, a configuration N and C. At a price
t of a teacher solution they cost C_b + t N_b and C + t N: the configuration is cheaper from
t = (C - C_b) / (N_b - N) on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.arrays import Floats
from analysis.errors import InputError
from analysis.stats.bootstrap import open_interval
from analysis.study.cost_law import Prices
from analysis.study.curves import REACH, Curve, sizes_for
from analysis.study.offers import Offers

TARGETS = (0.25, 0.5, 0.75)  # places of the default targets between the baseline's smallest and largest log N


@dataclass(frozen=True)
class Crossing:
    """A configuration against the baseline at one error.

    Attributes:
        name, label: the configuration and its label.
        target: the test error to reach, a fraction.
        solutions, computed: teacher solutions, and FLOPs of training and sampling (at the price of sampling); None
            where its law does not reach the error within 4x its largest run.
        baseline_solutions, baseline_computed: the same of the baseline.
        price, low, high: the price of a teacher solution in FLOPs from which on the configuration is cheaper, with 95 %
            interval: 0 for any price, None for none (it needs as many teacher solutions or more, or never gets there).
    """

    name: str
    label: str
    target: float
    solutions: float | None
    computed: float | None
    baseline_solutions: float | None
    baseline_computed: float | None
    price: float | None
    low: float | None
    high: float | None


def crossings_at(
    offers: Offers, baseline: str, targets: Sequence[float] | None = None, sampling: float = 1.0
) -> list[Crossing]:
    """`crossings` at several target errors, one after the other; by default at the three of `default_targets`."""
    if targets is None:
        targets = default_targets(_curve_of(offers, baseline))
    return [one for target in targets for one in crossings(offers, baseline, target, sampling)]


def crossings(offers: Offers, baseline: str, target: float, sampling: float = 1.0) -> list[Crossing]:
    """Every other configuration with a law against the baseline at a target error, by its price.

    `sampling` is the price of a FLOP of sampling in FLOPs of training.

    Raises:
        InputError: the baseline has no law.
    """
    _curve_of(offers, baseline)
    costs, labels = offers.costs(Prices(sampling=sampling)), offers.labels()
    needs: dict[str, tuple[Floats, Floats]] = {}
    for name, curve in offers.curves.items():
        sizes = _reached(curve, target)
        needs[name] = costs[name].solutions * sizes, costs[name].computed(sizes)
    known = {name: (_finite(solutions[0]), _finite(computed[0])) for name, (solutions, computed) in needs.items()}
    compared = []
    for name in needs:
        if name != baseline:
            values = crossing_price(*needs[name], *needs[baseline])
            ends = open_interval(values[1:])
            compared.append(
                Crossing(name, labels[name], target, *known[name], *known[baseline], _finite(values[0]), *ends)
            )
    return sorted(compared, key=lambda one: (one.price is None, one.price or 0.0, one.computed or np.inf, one.name))


def crossing_price(
    solutions: Floats, computed: Floats, baseline_solutions: Floats, baseline_computed: Floats
) -> Floats:
    """The price of a teacher solution from which on the first is cheaper; arrays of one shape, infinite for no price.

    An infinite number of solutions says that the error is never reached.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.maximum((computed - baseline_computed) / (baseline_solutions - solutions), 0.0)
    price = np.where(solutions < baseline_solutions, price, np.inf)
    price = np.where(np.isinf(baseline_solutions), 0.0, price)
    return np.asarray(np.where(np.isinf(solutions), np.inf, price))


def default_targets(curve: Curve) -> list[float]:
    """Three errors of the baseline's law, at a quarter, the half and three quarters of its range of log N."""
    sizes = curve.sizes[0] * (curve.sizes[-1] / curve.sizes[0]) ** np.array(TARGETS)
    return [float(error) for error in curve.baseline_law.law.predict(sizes)]


def _curve_of(offers: Offers, baseline: str) -> Curve:
    if baseline not in offers.curves:
        raise InputError(f"{baseline} has no law of error against N with three sizes or more, and a price")
    return offers.curves[baseline]


def _reached(curve: Curve, target: float) -> Floats:
    """(1 + B,) the N at which the law, and the law of every draw, reaches an error, from the smallest run on; infinite
    beyond 4x the largest."""
    law, smallest = curve.baseline_law.law, float(curve.sizes[0])
    size = smallest
    if float(law.predict(smallest)) > target:
        try:
            size = float(law.invert(target))
        except ValueError:
            size = np.inf  # it does not fall
    sizes = np.maximum(np.concatenate([[size], sizes_for(curve, target)]), smallest)
    return np.asarray(np.where(sizes > REACH * curve.sizes[-1], np.inf, sizes))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
