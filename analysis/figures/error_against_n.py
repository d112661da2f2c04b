"""Test error against training problems N, both logarithmic: every label's points, its fitted law with a band, and
how far to the right of two methods the baseline's law reaches the same error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, numbers
from analysis.fits.laws import FloorLaw, RectifiedLaw
from analysis.stats.bootstrap import percentile_interval
from analysis.study.multipliers import Multiplier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.figures.style import Look

APART = 1.012  # horizontal factor between the points of two labels at the same N
ARROWS = ("rft", "step_dpo")  # the methods whose multipliers are written into the figure


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, seeds, tested, error, low, high (fractions, 95 % interval).

    Raises:
        MissingRunsError: no rows of figure "size".
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.style import (
        add_legend,
        display_name,
        log_percent,
        looks,
        name_axes,
        name_ticks,
        new_figure,
        plot_points,
    )

    table = numbers(inputs.size_study().cells, inputs.study.draws, ["label", "size"])
    table.insert(1, "method", table["label"].map(methods_of(inputs.results.rows)))
    figure, axes = new_figure()
    axes.set_xscale("log")
    styles, entries = looks(table, inputs.methods), []
    for place, (label, look) in enumerate(styles.items()):
        text = display_name(label)
        if label in inputs.study.curves:
            text += _plot_law(axes, inputs, label, look)
        line = table[table["label"] == label]
        # Shifted a little, so that the intervals of labels that agree do not hide each other.
        plot_points(axes, line["size"] * APART ** (place - (len(styles) - 1) / 2), line, look)
        entries.append((look, text))
    name_ticks(axes, sorted(set(table["size"])))
    log_percent(axes, table)
    arrows = _arrows(inputs)
    for upper, arrow in zip((True, False), arrows, strict=False):
        _plot_arrow(axes, inputs, arrow, upper, styles[arrow.label])
    name_axes(axes, "training problems N", inputs.error_axis)
    add_legend(figure, entries)
    caption = (
        f"{inputs.error_title}, against training problems N, with 95 % intervals; lines are fitted laws and their "
        "bands: "
        "A / N^alpha, with a floor E or as A / (D + N^beta) where the points ask for it (AICc)."
    )
    if arrows:
        name = display_name(BASELINE)
        caption += f" Arrows: how many times its data {name} needs to reach the same error, by its fitted law."
    return Drawing(figure, table, caption)


def _plot_law(axes: Axes, inputs: FigureInputs, label: str, look: Look) -> str:
    """Draw a label's law over its sizes and return its text for the legend."""
    from analysis.figures.style import BAND, LINE

    curve = inputs.study.curves[label]
    fitted = curve.baseline_law  # the law that describes the points best, from which multipliers are read
    law, sizes = fitted.law, np.geomspace(curve.fit.smallest, curve.fit.largest, 64)
    axes.plot(sizes, 100 * law.predict(sizes), color=look.colour, linestyle=look.line, linewidth=LINE)
    low, high = 100 * np.quantile(fitted.predict(sizes), [0.025, 0.975], axis=0)
    axes.fill_between(sizes, low, high, color=look.colour, alpha=BAND, linewidth=0)
    floor = f", E = {100 * law.floor:.2g} %" if isinstance(law, FloorLaw | RectifiedLaw) and law.floor > 0 else ""
    exponent = law.exponent if isinstance(law, FloorLaw | RectifiedLaw) else curve.fit.law.exponent
    ends = percentile_interval(fitted.exponents)
    symbol = r"\beta" if isinstance(law, RectifiedLaw) else r"\alpha"
    return rf", ${symbol}$ = {exponent:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]{floor}"


def _arrows(inputs: FigureInputs) -> list[Multiplier]:
    """The multipliers of `ARROWS` at the N where both are known and differ most, the higher error first."""
    known = {(one.label, one.size): one for one in inputs.study.multipliers if one.bound == "exact"}
    error = inputs.study.draws.error
    labels = [label for label in ARROWS if any(name == label for name, _ in known)]
    shared = [size for size in {size for _, size in known} if all((label, size) in known for label in labels)]
    if not labels or not shared:
        return []

    def apart(size: int) -> float:
        logs = [float(np.log(error[label, size])) for label in labels]
        return max(logs) - min(logs)

    size = max(shared, key=lambda size: (apart(size), size))
    return sorted((known[label, size] for label in labels), key=lambda one: -error[one.label, size])


def _plot_arrow(axes: Axes, inputs: FigureInputs, multiplier: Multiplier, upper: bool, look: Look) -> None:
    """From the method's point to the baseline's law at the same error; the texts do not overlap."""
    from analysis.figures.style import FONT, LINE

    height = 100 * inputs.study.draws.error[multiplier.label, multiplier.size]
    start, end = multiplier.size * (1.04 if multiplier.value > 1 else 1 / 1.04), multiplier.size * multiplier.value
    # The text is at most half way to the next size, away from the points there.
    others = [
        size for _, size in inputs.study.cells if (size > multiplier.size) == (end > start) and size != multiplier.size
    ]
    place = min([end, *others], key=lambda to: abs(np.log(to / start)))
    style = {"arrowstyle": "-|>", "color": look.colour, "linewidth": LINE, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end, height), (start, height), arrowprops=style, zorder=4)
    axes.annotate(
        f"{multiplier.value:.1f}x",
        ((start * place) ** 0.5, height),
        (0, 2.5 if upper else -2.5),
        textcoords="offset points",
        ha="center",
        va="bottom" if upper else "top",
        fontsize=FONT - 0.5,
        color=look.colour,
        zorder=5,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )
