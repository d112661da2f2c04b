"""Test error against total price with free and with expensive teacher solutions, and where methods cross in price."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import groupby
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.defaults import BASELINE
from analysis.errors import InputError
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing
from analysis.study.cost_law import Prices
from analysis.study.crossings import Crossing, crossings, default_targets
from analysis.study.frontier import frontier, spread_budgets
from analysis.study.offers import Offers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.figures.style import Look

EXPENSIVE = 10  # times the lowest crossing price: a price at which teacher solutions are worth replacing
BUDGETS = 40
PANEL = 1.5  # inches: about the height of a panel
PRICES = 61  # of a teacher solution, along the axis of the last panel
COLUMNS = ["panel", "teacher", "label", "method", "configuration", "size", "price", "error", "low", "high"]
RUNS, BEST, REACHED, CROSSING = "run", "best buy", "to the error", "crossing"


def draw(inputs: FigureInputs) -> Drawing:
    """Points: panel, teacher (price of a teacher solution in FLOPs), label, method, configuration, size (N), price
    (total FLOPs), error, low, high.

    Panels are "run" (measured, at both prices of a teacher solution), "best buy" (the frontier there), "to the error"
    (the price at which a configuration reaches `error`, low and high are empty) and "crossing" (`teacher` is the price
    from which on a configuration beats the baseline, low and high its interval).

    Raises:
        MissingRunsError: no rows that record FLOPs, or no law of the baseline.
        InputError: rows of several tasks.
    """
    try:
        offers = inputs.study.offers
    except InputError:
        raise missing("size", " that say their FLOPs") from None
    if BASELINE not in offers.curves:
        raise missing("size", f" of {BASELINE} at three N or more")
    target = default_targets(offers.curves[BASELINE])[1]
    crossed = crossings(offers, BASELINE, target)
    teacher = inputs.teacher_cost or _expensive(offers, crossed)
    methods = methods_of(offers.rows)
    table = pd.DataFrame(
        [
            *_bought(offers, 0.0),
            *_bought(offers, teacher),
            *_reached(offers, crossed, teacher),
            *(
                (CROSSING, one.price, one.label, one.name, one.solutions, math.nan, target, one.low, one.high)
                for one in crossed
                if one.price
            ),
        ],
        columns=[name for name in COLUMNS if name != "method"],
    )
    table.insert(3, "method", table["label"].map(methods))
    return _drawn(inputs, table[COLUMNS], teacher, target)


def _expensive(offers: Offers, crossed: list[Crossing]) -> float:
    """A price at which teacher solutions are expensive, to one digit."""
    least = min((one.price for one in crossed if one.price), default=0.0)
    price = EXPENSIVE * (least or float(offers.costs()[BASELINE].computed(1.0)))
    return float(f"{price:.0e}")


def _bought(offers: Offers, teacher: float) -> list[tuple[object, ...]]:
    """Every measured cell, and the frontier, at a price of a teacher solution."""
    prices = Prices(teacher)
    costs, labels = offers.costs(prices), offers.labels()
    lines: list[tuple[object, ...]] = []
    for (name, size), cell in offers.cells.items():
        interval = offers.sample.drawn.interval((name, size))
        price = float(costs[name].total(size))
        lines.append((RUNS, teacher, labels[name], name, size, price, cell.error, *interval))
    for one in frontier(offers, prices, list(spread_budgets(offers, costs, BUDGETS))):
        lines.append((BEST, teacher, one.label, one.name, one.size, one.price, one.error, one.low, one.high))
    return lines


def _reached(offers: Offers, crossed: list[Crossing], expensive: float) -> list[tuple[object, ...]]:
    """The price of the error by each configuration that reaches it, against the price of a teacher solution."""
    needs = {(one.label, one.name): (one.solutions, one.computed) for one in crossed}
    target = crossed[0].target if crossed else math.nan
    if crossed:
        needs[BASELINE, BASELINE] = crossed[0].baseline_solutions, crossed[0].baseline_computed
    return [
        (
            REACHED,
            teacher,
            label,
            name,
            solutions,
            computed + teacher * solutions,
            target,
            math.nan,
            math.nan,
        )
        for (label, name), (solutions, computed) in needs.items()
        if solutions is not None and computed is not None
        for teacher in np.geomspace(expensive / 3000, expensive * 10, PRICES)
    ]


def _drawn(inputs: FigureInputs, table: pd.DataFrame, teacher: float, target: float) -> Drawing:
    from analysis.figures.panels import letter_panels
    from analysis.figures.style import (
        CHARACTER,
        FONT,
        add_legend,
        display_name,
        empty_figure,
        finish_axes,
        looks,
        name_axes,
    )

    page = inputs.width == "page"
    crosses = bool((table["panel"] == REACHED).any())
    count = 2 + crosses
    figure = empty_figure(inputs.width, 2.4 if page else 2.2 * count)
    grid = figure.subplots(*((1, count) if page else (count, 1)), squeeze=False)
    panels = [finish_axes(axes) for axes in grid.flat]
    bought = table[table["panel"] == BEST]
    cheapest = _cheapest(table)
    shown = list(dict.fromkeys([BASELINE, *bought["label"], *cheapest["label"]]))
    # Variants of a label share its colour and marker; the CSV file names their settings.
    styles = {label: look for label, look in looks(table, inputs.methods).items() if label in shown}
    errors = table.loc[table["panel"].isin([RUNS, BEST]), ["error", "low", "high"]]
    for axes, price in zip(panels, (0.0, teacher), strict=False):
        _plot_bought(axes, table[table["teacher"] == price], styles)
        _error_axis(axes, errors)
        axes.set_title(
            "teacher solutions are free" if price == 0 else f"a teacher solution: {_flops(price)} FLOPs",
            loc="left",
            fontsize=FONT,
        )
        error = fill(inputs.error_axis, int(PANEL / CHARACTER))
        name_axes(axes, "total price, FLOPs", error if not page or price == 0 else "")
    if crosses:
        _plot_crossings(panels[2], table, styles)
        panels[2].set_title(f"to an error of {100 * target:.0f} %", loc="left", fontsize=FONT)
        name_axes(panels[2], "teacher solution, FLOPs each", "total price, FLOPs")
    letter_panels(panels)
    add_legend(figure, [(look, display_name(label)) for label, look in styles.items()], columns=4 if page else 2)
    caption = (
        f"What to buy, by {inputs.error_name}. Small markers: runs, grey those of labels that are never the best buy; "
        "lines with 95 % bands: the best buy for each price."
    )
    if crosses:
        caption += (
            " Last panel: the price of an error against that of a teacher solution; bars: 95 % intervals of where "
            f"{display_name(BASELINE)} stops being the cheapest."
        )
    return Drawing(figure, table, caption)


def _cheapest(table: pd.DataFrame) -> pd.DataFrame:
    """The cheapest configuration at each price of a teacher solution."""
    reached = table[table["panel"] == REACHED]
    return reached.loc[reached.groupby("teacher")["price"].idxmin()]


def _plot_bought(axes: Axes, points: pd.DataFrame, styles: Mapping[str, Look]) -> None:
    """Runs as markers, and the frontier as a line that changes with the label to buy."""
    from analysis.figures.style import BAND, LINE

    axes.set_xscale("log")
    runs, best = points[points["panel"] == RUNS], points[points["panel"] == BEST].sort_values("price")
    for label, cells in runs.groupby("label"):
        look = styles.get(str(label))
        axes.plot(
            cells["price"],
            100 * cells["error"],
            linestyle="none",
            marker=look.marker if look else ".",
            markersize=2.6,
            markerfacecolor=look.colour if look and look.filled else "white" if look else "0.75",
            markeredgecolor=look.colour if look else "0.75",
            markeredgewidth=0.5,
            alpha=0.7,
            zorder=2 if look else 1.5,
        )
    rows = best.to_dict("records")
    start: list[Any] = []
    for label, part in groupby(rows, key=lambda row: row["label"]):
        # A line begins at the last point of the label before, so that the frontier has no gaps.
        bought = list(part)
        line, band = pd.DataFrame([*start, *bought]), pd.DataFrame(bought)
        look = styles[str(label)]
        axes.plot(line["price"], 100 * line["error"], color=look.colour, linestyle=look.line, linewidth=1.6 * LINE)
        low, high = 100 * band["low"], 100 * band["high"]
        axes.fill_between(band["price"], low, high, color=look.colour, alpha=BAND, linewidth=0)
        start = [bought[-1]]


def _plot_crossings(axes: Axes, table: pd.DataFrame, styles: Mapping[str, Look]) -> None:
    """The price of the error against that of a teacher solution, and the crossings with the baseline on its line."""
    from analysis.figures.style import LINE, THIN

    reached, cheapest = table[table["panel"] == REACHED], set(_cheapest(table)["configuration"]) | {BASELINE}
    for name, line in reached.groupby("configuration"):
        look = styles.get(str(line["label"].iloc[0])) if name in cheapest else None
        axes.plot(
            line["teacher"],
            line["price"],
            color=look.colour if look else "0.8",
            linestyle=look.line if look else "-",
            linewidth=LINE if look else 0.6 * THIN,
            zorder=3 if look else 1.5,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(reached["teacher"].min(), reached["teacher"].max())
    base = reached[reached["configuration"] == BASELINE]
    for one in table[(table["panel"] == CROSSING) & table["configuration"].isin(cheapest)].to_dict("records"):
        height = float(np.interp(one["teacher"], base["teacher"], base["price"]))
        look = styles[str(one["label"])]
        low, high = max(one["low"] or 0.0, axes.get_xlim()[0]), one["high"]
        high = axes.get_xlim()[1] if high is None or not np.isfinite(high) else high
        axes.errorbar(
            one["teacher"],
            height,
            xerr=[[one["teacher"] - low], [high - one["teacher"]]],
            color=look.colour,
            marker=look.marker,
            markersize=4,
            linewidth=THIN,
            capsize=2,
            zorder=4,
        )


def _error_axis(axes: Axes, errors: pd.DataFrame) -> None:
    from analysis.figures.style import log_ticks

    values = 100 * errors.to_numpy(dtype=float)
    log_ticks(axes, values[values > 0].min() / 1.15, min(values.max() * 1.15, 105.0), sparse=True)


def _flops(value: float) -> str:
    """Like 8e9 as a formula."""
    digits, power = f"{value:.0e}".split("e")
    return rf"${digits}\times10^{{{int(power)}}}$"
