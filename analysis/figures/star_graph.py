"""The star graph (arXiv 2403.06963): test error of every method compared with guessing the first hop."""

from __future__ import annotations

import pandas as pd

from analysis.data.results import Results
from analysis.figures.drawing import Drawing, MissingRunsError
from analysis.figures.inputs import FigureInputs, interval_table, methods_of, setting
from analysis.study.studies import STAR_GRAPH

SWEEP = "sweeps/star_graph.yaml"
PANELS = 3  # at most


def draw(inputs: FigureInputs) -> Drawing:
    """Points: degree, guess (its error), size, label, method, seeds, tested, error, low, high, one panel per N.

    Sizes with a single label are left out if other sizes have more, and at most the largest `PANELS` are shown. A row
    of figure "rollout_policy" is named by its label and the epochs of the rollout policy.

    Raises:
        MissingRunsError: no rows of the task star_graph that record its degree.
        InputError: two runs of one seed under one label at one N.
    """
    from analysis.figures.panels import letter_panels
    from analysis.figures.style import (
        FONT,
        Look,
        add_legend,
        empty_figure,
        finish_axes,
        looks,
        name_ticks,
        plot_dots,
    )

    if inputs.star_graph is None:
        raise MissingRunsError(f"no rows of task {STAR_GRAPH}: run {SWEEP}")
    rows = _rows(inputs.star_graph)
    table = interval_table(inputs.star_graph, rows, ["problems", "label"]).rename(columns={"problems": "size"})
    degree = int(rows["degree"].iloc[0])
    table.insert(0, "degree", degree)
    table.insert(1, "guess", 1 - 1 / degree)
    table.insert(4, "method", table["label"].map(methods_of(rows)))
    styles = looks(table, inputs.methods)
    figure = empty_figure(inputs.width, 0.9 + 0.28 * len(styles))
    sizes = sorted(set(table["size"]))
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    guess = Look("#D55E00", "none", ":")
    for size, axes in zip(sizes, panels, strict=True):
        finish_axes(axes, f"N = {size}")
        plot_dots(axes, table[table["size"] == size], styles, 18 if inputs.width == "column" else 40)
        axes.axvline(100 * (1 - 1 / degree), color=guess.colour, linestyle=guess.line, linewidth=1.3, zorder=1.5)
        axes.set_xlim(0, 103)
        name_ticks(axes, [0, 50, 100], texts=["0", "50", "100"] if axes is panels[-1] else ["0", "50", ""])
    figure.supxlabel(inputs.error_axis, fontsize=FONT)
    letter_panels(panels)
    add_legend(figure, [(guess, f"guessing the first hop: error 1 - 1/{degree}")])
    at = ", ".join(map(str, sizes))
    caption = (
        f"Star graph of degree {degree} at N = {at} problems, {inputs.error_name}; a guess of the first hop "
        f"is correct once in {degree}."
    )
    return Drawing(figure, table, caption)


def _rows(results: Results) -> pd.DataFrame:
    rows = results.rows
    rows = rows.assign(degree=setting(rows, "task.degree"), epochs=setting(rows, "rollout_policy.epochs"))
    rows = rows[rows["degree"].notna() & rows["figure"].isin(["size", "rollout_policy"])]
    if rows.empty:
        raise MissingRunsError(f"no rows of task {STAR_GRAPH} that record its degree: run {SWEEP}")
    rows = rows[rows["degree"] == rows["degree"].mode().iloc[0]]
    trained = rows["label"] + ", pi_sft of " + rows["epochs"].map("{:g} epochs".format, na_action="ignore").fillna("?")
    rows = rows.assign(label=rows["label"].where(rows["figure"] != "rollout_policy", trained))
    labels = rows.groupby("problems")["label"].nunique()
    shown = sorted(labels.index[labels > 1] if (labels > 1).any() else labels.index)[-PANELS:]
    return rows[rows["problems"].isin(shown)]
