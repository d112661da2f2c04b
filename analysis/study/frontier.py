"""The frontier of error against total price: which configuration and N to buy for a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.arrays import Floats
from analysis.errors import InputError
from analysis.stats.bootstrap import percentile_interval
from analysis.study.cost_law import CostLaw, Prices
from analysis.study.offers import Offers

BUDGETS = 24  # amounts of a frontier, evenly spaced in their logarithm


@dataclass(frozen=True)
class Purchase:
    """The best buy for a budget.

    Attributes:
        budget: FLOPs, the teacher's solutions included.
        name, label, size: the configuration, its label, and its N.
        price: of that run, at most the budget.
        error, low, high: its test error with 95 % interval, a fraction. The best of many is chosen by these errors, so
            they flatter it a little.
        best: share of bootstrap draws in which it is the best buy, too.
        by_law: the error is that of a fitted law, not of runs at that N.
    """

    budget: float
    name: str
    label: str
    size: int
    price: float
    error: float
    low: float
    high: float
    best: float
    by_law: bool


def frontier(offers: Offers, prices: Prices, budgets: Sequence[float] | None = None) -> list[Purchase]:
    """The best buy for each budget in FLOPs, ascending; by default from the cheapest run to the most expensive one.

    Left out are budgets that afford nothing, and those with the same best buy as the one before.

    Raises:
        InputError: no budget affords any run.
    """
    costs, labels = offers.costs(prices), offers.labels()
    if budgets is None:
        budgets = list(spread_budgets(offers, costs))
    purchases: list[Purchase] = []
    for budget in budgets:
        bids = [(name, size) for name in offers.names for size in offers.affordable(name, costs[name], budget)]
        if not bids:
            continue
        errors = np.stack([offers.errors(*bid) for bid in bids])  # (bids, 1 + B)
        winners = errors.argmin(axis=0)
        place = int(winners[0])
        name, size = bids[place]
        if purchases and (purchases[-1].name, purchases[-1].size) == (name, size):
            continue
        low, high = percentile_interval(errors[place, 1:])
        purchases.append(
            Purchase(
                float(budget),
                name,
                labels[name],
                size,
                float(costs[name].total(size)),
                float(errors[place, 0]),
                low,
                high,
                float(np.mean(winners[1:] == place)),
                name in offers.curves,
            )
        )
    if not purchases:
        least = min(float(costs[name].total(size)) for name, size in offers.cells)
        raise InputError(f"no budget affords a run: the cheapest costs {least:.3g} FLOPs")
    return purchases


def spread_budgets(offers: Offers, costs: dict[str, CostLaw], count: int = BUDGETS) -> Floats:
    """(count,) budgets from the cheapest to the most expensive run, evenly spaced in their logarithm."""
    spent = [float(costs[name].total(size)) for name, size in offers.cells]
    # A little more than the ends, so that rounding takes no run away from its own price.
    return np.geomspace(min(spent), max(spent), count) * (1 + 1e-9)
