"""Test error against training and sampling FLOPs, both axes logarithmic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing, numbers, rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPENT = ["flops_training", "flops_sampling"]


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, flops_training, flops_sampling (means over seeds), seeds, tested, error, low, high.

    Pretraining and evaluation are left out of the FLOPs.

    Raises:
        MissingRunsError: no rows of figure "size" that say their FLOPs.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.panels import name_shared_axes, panels_beside_baseline
    from analysis.figures.style import add_legend, display_name, log_percent, looks, plot_points

    rows = rows_of(inputs.results, "size")
    rows = rows.dropna(subset=SPENT) if set(SPENT) <= set(rows) else rows.iloc[:0]
    if rows.empty:
        raise missing("size", " that say their FLOPs")
    spent = rows.groupby(["label", "problems"])[SPENT].mean()
    priced = {key: cell for key, cell in inputs.size_study().cells.items() if key in spent.index}
    table = numbers(priced, inputs.study.draws, ["label", "size"])
    table.insert(1, "method", table["label"].map(methods_of(rows)))
    for place, name in enumerate(SPENT, start=3):
        table.insert(place, name, spent[name].reindex(pd.MultiIndex.from_tuples(priced)).to_numpy())
    styles = looks(table, inputs.methods)

    def draw_label(axes: Axes, label: str) -> str:
        axes.set_xscale("log")
        line = table[table["label"] == label]
        plot_points(axes, line[SPENT].sum(axis=1), line, styles[label], line=styles[label].line)
        return ""

    figure, panels = panels_beside_baseline(styles, inputs.width, draw_label)
    log_percent(panels[0], table, sparse=True)
    name_shared_axes(figure, "training and sampling, FLOPs", inputs.error_axis, inputs.width)
    if BASELINE in styles and len(styles) > 1:
        add_legend(figure, [(styles[BASELINE], f"{display_name(BASELINE)}, in every panel")])
    caption = (
        f"{inputs.error_title}, against all FLOPs between the base model and the policy, training and "
        "sampling together."
    )
    return Drawing(figure, table, caption)
