"""Variants of methods side by side at one N: their test error against each other's and SFT's."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, fill, interval_table, methods_of, missing, most_common_size, rows_of


def draw_variants(inputs: FigureInputs, figure: str, methods: Sequence[str], caption: str) -> Drawing:
    """Points: size, label, method, seeds, tested, error, low, high, one line a label.

    Beside the rows of `figure` stand the "size" rows of `methods` and of SFT at the same N, which `caption` may name
    as {size}.

    Raises:
        MissingRunsError: no rows of `figure`.
        InputError: two runs of one seed under one label.
    """
    from analysis.figures.style import (
        REFERENCE,
        add_legend,
        empty_figure,
        finish_axes,
        looks,
        name_axes,
        plot_dots,
        plot_reference,
    )

    rows = _rows(inputs, figure, methods)
    table = interval_table(inputs.results, rows, ["problems", "label"]).rename(columns={"problems": "size"})
    table.insert(2, "method", table["label"].map(methods_of(rows)))
    size = int(table["size"].iloc[0])
    styles = looks(table[table["label"] != BASELINE])
    drawn = empty_figure(0.9 + 0.2 * len(styles))
    axes = finish_axes(drawn.add_subplot())
    plot_dots(axes, table[table["label"] != BASELINE], styles)
    if BASELINE in set(table["label"]):
        plot_reference(axes, table[table["label"] == BASELINE], along="x")
        add_legend(drawn, [(REFERENCE, f"{BASELINE} with its 95 % interval")])
    name_axes(axes, f"test error in %, N = {size}", "")
    return Drawing(drawn, table, caption.format(size=size))


def _rows(inputs: FigureInputs, figure: str, methods: Sequence[str]) -> pd.DataFrame:
    own = rows_of(inputs.results, figure)
    if own.empty:
        raise missing(figure)
    size = most_common_size(own)
    others = rows_of(inputs.results, "size")
    others = others[(others["problems"] == size) & others["method"].isin([BASELINE, *methods])]
    others = others[(others["method"] != BASELINE) | (others["label"] == BASELINE)]
    return fill(own[own["problems"] == size], others, ["label"])
