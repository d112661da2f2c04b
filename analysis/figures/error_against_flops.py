"""Test error against training and sampling FLOPs, both axes logarithmic."""

from __future__ import annotations

import pandas as pd

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing, numbers, rows_of

SPENT = ["flops_training", "flops_sampling"]


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, flops_training, flops_sampling (means over seeds), seeds, tested, error, low, high.

    Pretraining and evaluation are left out of the FLOPs.

    Raises:
        MissingRunsError: no rows of figure "size" that say their FLOPs.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.style import add_legend, display_name, log_percent, looks, name_axes, new_figure, plot_points

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
    figure, axes = new_figure()
    axes.set_xscale("log")
    entries = []
    for label, look in looks(table, inputs.methods).items():
        line = table[table["label"] == label]
        plot_points(axes, line[SPENT].sum(axis=1), line, look, line=look.line)
        entries.append((look, display_name(label)))
    log_percent(axes, table)
    name_axes(axes, "training and sampling, FLOPs", inputs.error_axis)
    add_legend(figure, entries, columns=3)
    caption = (
        f"{inputs.error_title}, against all FLOPs between the base model and the policy, training and "
        "sampling together."
    )
    return Drawing(figure, table, caption)
