"""Test error against training problems N, both logarithmic: each label beside the baseline, with points, fitted law and
band, and how far to the right the baseline's law reaches the same error."""

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

SYMBOLS = {
    r"\alpha": r"$\alpha$: exponent of the law A / N$^\alpha$",
    r"\beta": r"$\beta$: exponent of A / (D + N$^\beta$)",
    "E": "E: the law's floor",
}


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, seeds, tested, error, low, high (fractions, 95 % interval).

    Raises:
        MissingRunsError: no rows of figure "size".
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.panels import COLUMNS, name_shared_axes, panel_inches, panels_beside_baseline
    from analysis.figures.style import add_legend, display_name, log_percent, looks, name_sizes, plot_points

    table = numbers(inputs.size_study().cells, inputs.study.draws, ["label", "size"])
    table.insert(1, "method", table["label"].map(methods_of(inputs.results.rows)))
    styles, notes = looks(table, inputs.methods), {}

    def draw_label(axes: Axes, label: str) -> str:
        axes.set_xscale("log")
        if label in inputs.study.curves:
            notes[label] = _plot_law(axes, inputs, label, styles[label])
        line = table[table["label"] == label]
        plot_points(axes, line["size"], line, styles[label])
        return notes.get(label, "")

    figure, panels = panels_beside_baseline(styles, inputs.width, draw_label)
    log_percent(panels[0], table, sparse=True)
    others = [label for label in styles if label != BASELINE]
    arrows = {label: arrow for label in others if (arrow := _arrow(inputs, label)) is not None}
    for axes, label in zip(panels, others, strict=False):
        if label in arrows:
            _plot_arrow(axes, inputs, arrows[label], styles[label])
    inches = panel_inches(inputs.width, min(COLUMNS[inputs.width], len(panels)))
    for axes in panels:
        name_sizes(axes, table["size"], inches)
    symbols = [
        text
        for symbol, text in SYMBOLS.items()
        if any(f"{symbol}$" in note or f"{symbol} =" in note for note in notes.values())
    ]
    name_shared_axes(figure, "training problems N", inputs.error_axis, inputs.width, "; ".join(symbols))
    if BASELINE in styles and others:
        note = notes.get(BASELINE)
        text = f"{display_name(BASELINE)}, in every panel" + (f": {note}" if note else "")
        add_legend(figure, [(styles[BASELINE], text)])
    caption = (
        f"{inputs.error_title}, against training problems N, with 95 % intervals; lines are fitted laws and their "
        "bands: "
        "A / N^alpha, with a floor E or as A / (D + N^beta) where the points ask for it (AICc)."
    )
    if arrows:
        name = display_name(BASELINE)
        caption += (
            f" Arrows: how many times its data {name} needs to reach the same error, by its fitted law, at the N where "
            "that is farthest from 1, if its interval leaves out 1 at any N."
        )
    return Drawing(figure, table, caption)


def _plot_law(axes: Axes, inputs: FigureInputs, label: str, look: Look) -> str:
    """Draw a label's law over its sizes and return its exponent as text."""
    from analysis.figures.style import BAND, LINE

    curve = inputs.study.curves[label]
    fitted = curve.baseline_law  # the law that describes the points best, from which multipliers are read
    law, sizes = fitted.law, np.geomspace(curve.fit.smallest, curve.fit.largest, 64)
    axes.plot(sizes, 100 * law.predict(sizes), color=look.colour, linestyle=look.line, linewidth=LINE)
    low, high = 100 * np.quantile(fitted.predict(sizes), [0.025, 0.975], axis=0)
    axes.fill_between(sizes, low, high, color=look.colour, alpha=BAND, linewidth=0)
    floor = f"\nE = {100 * law.floor:.2g} %" if isinstance(law, FloorLaw | RectifiedLaw) and law.floor > 0 else ""
    exponent = law.exponent if isinstance(law, FloorLaw | RectifiedLaw) else curve.fit.law.exponent
    ends = percentile_interval(fitted.exponents)
    symbol = r"\beta" if isinstance(law, RectifiedLaw) else r"\alpha"
    return rf"${symbol}$ = {exponent:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]{floor}"


def _arrow(inputs: FigureInputs, label: str) -> Multiplier | None:
    """The label's multiplier farthest from 1, of the exact ones whose intervals leave out 1; None without any."""
    known = [
        one
        for one in inputs.study.multipliers
        if one.label == label and one.bound == "exact" and (one.low > 1 or one.high < 1)
    ]
    return max(known, key=lambda one: (abs(np.log(one.value)), one.size), default=None)


def _plot_arrow(axes: Axes, inputs: FigureInputs, multiplier: Multiplier, look: Look) -> None:
    """From the label's point to the baseline's law at the same error; the text lies beyond, where no line runs.

    At the left edge there is no room beyond: there it lies to the right of the point.
    """
    from analysis.figures.style import FONT, LINE

    height = 100 * inputs.study.draws.error[multiplier.label, multiplier.size]
    right = multiplier.value > 1
    start, end = multiplier.size * (1.06 if right else 1 / 1.06), multiplier.size * multiplier.value
    style = {
        "arrowstyle": "-|>",
        "color": look.colour,
        "linewidth": LINE,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 6,
    }
    axes.annotate("", (end, height), (start, height), arrowprops=style, zorder=4)
    at_the_edge = not right and end < 2 * min(inputs.study.shared_sizes(BASELINE))
    axes.annotate(
        f"{multiplier.value:.1f}x",
        (multiplier.size if at_the_edge else end, height),
        (6, 0) if at_the_edge else (4, 3) if right else (-4, -3),
        textcoords="offset points",
        ha="left" if right or at_the_edge else "right",
        va="center" if at_the_edge else "bottom" if right else "top",
        fontsize=FONT,
        zorder=5,
    )
