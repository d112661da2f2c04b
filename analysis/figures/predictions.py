"""Predicted error of larger runs: each label up to 4x its largest N, with the predictive interval of a new run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KEY = ["label", "size"]
ROOM = 2.0  # the axis ends so far below the lowest predicted error; intervals may go on


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, kind ("run" or "predicted"), error, low, high.

    Runs have the 95 % interval of their mean over seeds, predictions that of a single new run. Labels with fewer than
    four sizes are left out.

    Raises:
        MissingRunsError: no label with four sizes.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.panels import COLUMNS, name_shared_axes, panel_inches, panels_beside_baseline
    from analysis.figures.style import (
        BAND,
        LINE,
        REFERENCE,
        add_legend,
        display_name,
        log_percent,
        looks,
        name_sizes,
        plot_points,
    )

    study = inputs.size_study()
    if not study.outlooks:
        raise missing("size", " at four N or more")
    runs = numbers({key: cell for key, cell in study.cells.items() if key[0] in study.outlooks}, study.draws, _KEY)
    predicted = pd.DataFrame(
        [
            (label, size, error, low, high)
            for label, outlook in study.outlooks.items()
            for size, error, low, high in zip(
                outlook.predictive.sizes,
                outlook.predictive.centre,
                outlook.predictive.low,
                outlook.predictive.high,
                strict=True,
            )
        ],
        columns=[*_KEY, "error", "low", "high"],
    )
    table = pd.concat([runs.assign(kind="run"), predicted.assign(kind="predicted")], ignore_index=True)
    table.insert(1, "method", table["label"].map(methods_of(inputs.results.rows)))
    table = table[["label", "method", "size", "kind", "error", "low", "high"]]
    styles = looks(table, inputs.methods)

    def draw_label(axes: Axes, label: str) -> str:
        axes.set_xscale("log")
        points = table[table["label"] == label]
        look = styles[label]
        run, beyond = (points[points["kind"] == kind] for kind in ("run", "predicted"))
        plot_points(axes, run["size"], run, look, line=look.line)
        axes.plot(beyond["size"], 100 * beyond["error"], color=look.colour, linestyle=":", linewidth=LINE)
        low, high = 100 * beyond["low"], 100 * beyond["high"]
        axes.fill_between(beyond["size"], low, high, color=look.colour, alpha=BAND, linewidth=0)
        return ""

    figure, panels = panels_beside_baseline(styles, inputs.width, draw_label)
    # The lower ends of predictive intervals may lie decades below all else.
    shown = table.assign(low=table["low"].clip(lower=table["error"].replace(0.0, 1.0).min() / ROOM))
    inches = panel_inches(inputs.width, min(COLUMNS[inputs.width], len(panels)))
    log_percent(panels[0], shown, sparse=True)
    for axes in panels:
        name_sizes(axes, runs["size"], inches)
    name_shared_axes(figure, "training problems N", inputs.error_axis, inputs.width)
    entries = [(replace(REFERENCE, line=":"), "predicted, with the 95 % interval of a new run")]
    if BASELINE in styles and len(styles) > 1:
        entries.insert(0, (styles[BASELINE], f"{display_name(BASELINE)}, in every panel"))
    add_legend(figure, entries, columns=1 if inputs.width == "column" else 2)
    caption = (
        f"{inputs.error_title}, against training problems N: runs, and the predicted error of a new run up to 4x the "
        "largest N (dotted) with its 95 % predictive interval, by a spline and laws weighted by how they predicted the "
        "largest sizes when those were left out."
    )
    return Drawing(figure, table, caption)
