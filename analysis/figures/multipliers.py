"""Data multipliers against N: how many times a method's data the baseline would need; both axes logarithmic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing, MissingRunsError
from analysis.figures.inputs import SWEEP, FigureInputs, methods_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.figures.style import Look

COLUMNS = ["label", "method", "size", "value", "bound", "low", "high", "low_open", "high_open", "infinite"]


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, value, bound (exact, at least, at most), low, high, low_open, high_open, infinite
    (below the floor of the baseline's law).

    Raises:
        MissingRunsError: no rows of figure "size", or no law of the baseline to measure against.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.panels import COLUMNS as PANEL_COLUMNS
    from analysis.figures.panels import name_shared_axes, panel_inches, panels_beside_baseline
    from analysis.figures.style import LINE, REFERENCE, add_legend, display_name, log_ticks, looks, name_sizes

    multipliers = inputs.size_study().multipliers
    if not multipliers:
        raise MissingRunsError(f"{BASELINE} has no law that falls with N, or is the only label: run {SWEEP}")
    methods = methods_of(inputs.results.rows)
    lines = [
        (m.label, methods[m.label], m.size, m.value, m.bound, m.low, m.high, m.low_open, m.high_open, m.infinite)
        for m in multipliers
    ]
    table = pd.DataFrame(lines, columns=COLUMNS)
    styles = looks(table, inputs.methods)

    def draw_label(axes: Axes, label: str) -> str:
        axes.set_xscale("log")
        axes.axhline(1, color=REFERENCE.colour, linestyle=REFERENCE.line, linewidth=LINE, zorder=1.5)
        _plot(axes, table[table["label"] == label], styles[label])
        return ""

    figure, panels = panels_beside_baseline(styles, inputs.width, draw_label, reference=None)
    seen = table[["value", "low", "high"]].to_numpy(dtype=float)
    inches = panel_inches(inputs.width, min(PANEL_COLUMNS[inputs.width], len(panels)))
    for axes in panels:
        log_ticks(axes, seen.min() / 1.5, seen.max() * 1.5, suffix="x")
        name_sizes(axes, table["size"], inches)
    ratio = rf"$M(N) = N_\mathrm{{{display_name(BASELINE)}}}(\mathrm{{error}})\,/\,N$"
    note = "arrow: a bound or an open interval, the truth may lie beyond"
    name_shared_axes(figure, "training problems N", ratio, inputs.width, note)
    add_legend(figure, [(REFERENCE, f"{display_name(BASELINE)} itself")])
    caption = (
        f"Data multiplier against {display_name(BASELINE)}, by its fitted law of {inputs.error_name}, with 95 % "
        "intervals. Arrows: bounds "
        f"and interval ends where {display_name(BASELINE)}'s runs stop; the truth may lie beyond."
    )
    return Drawing(figure, table, caption)


def _plot(axes: Axes, points: pd.DataFrame, look: Look) -> None:
    """One label: exact values on a line, bounds off it with an arrow towards where the truth may lie."""
    from analysis.figures.style import THIN, percents, plot_intervals

    x = points["size"]
    axes.plot(
        x, points["value"].where(points["bound"] == "exact"), color=look.colour, linestyle=look.line, linewidth=THIN
    )
    plot_intervals(axes, x, percents(points, "value") / 100, look)
    style = {
        "arrowstyle": "<-",
        "color": look.colour,
        "linewidth": THIN,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 7,
    }
    ends = [
        (points["bound"] == "at least", "value", 11),
        (points["bound"] == "at most", "value", -11),
        (points["high_open"] & (points["bound"] != "at least"), "high", 6),
        (points["low_open"] & (points["bound"] != "at most"), "low", -6),
    ]
    for there, column, length in ends:
        for place, value in zip(x[there], points.loc[there, column], strict=True):
            axes.annotate("", (place, value), (0, length), textcoords="offset points", arrowprops=style)
