"""Test error of variants of methods at one N, beside that of SFT."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, fill, interval_table, methods_of, missing, most_common_size, rows_of


def draw_variants(inputs: FigureInputs, figure: str, methods: Sequence[str], caption: str) -> Drawing:
    """Points: size, label, method, seeds, tested, error, low, high, one line per label.

    The "size" rows of `methods` and of SFT at the same N are shown too; `caption` may name that N as {size}.

    Raises:
        MissingRunsError: no rows of `figure`.
        InputError: two runs of one seed under one label.
    """
    from analysis.figures.style import (
        FONT,
        REFERENCE,
        add_legend,
        display_name,
        empty_figure,
        finish_axes,
        looks,
        plot_dots,
        plot_reference,
    )

    rows = _rows(inputs, figure, methods)
    table = interval_table(inputs.results, rows, ["problems", "label"]).rename(columns={"problems": "size"})
    table.insert(2, "method", table["label"].map(methods_of(rows)))
    size = int(table["size"].iloc[0])
    styles = looks(table[table["label"] != BASELINE], inputs.methods)
    drawn = empty_figure(inputs.width, 0.6 + 0.3 * len(styles))
    axes = finish_axes(drawn.add_subplot(), f"N = {size}")
    plot_dots(axes, table[table["label"] != BASELINE], styles, 20 if inputs.width == "column" else 40)
    if BASELINE in set(table["label"]):
        plot_reference(axes, table[table["label"] == BASELINE], along="x")
        add_legend(drawn, [(REFERENCE, f"{display_name(BASELINE)} with its 95 % interval")])
    drawn.supxlabel(inputs.error_axis, fontsize=FONT)
    return Drawing(drawn, table, caption.format(size=size))


def _rows(inputs: FigureInputs, figure: str, methods: Sequence[str]) -> pd.DataFrame:
    variants = rows_of(inputs.results, figure)
    if variants.empty:
        raise missing(figure)
    size = most_common_size(variants)
    others = rows_of(inputs.results, "size")
    others = others[(others["problems"] == size) & others["method"].isin([BASELINE, *methods])]
    others = others[(others["method"] != BASELINE) | (others["label"] == BASELINE)]
    return fill(variants[variants["problems"] == size], others, ["label"])
