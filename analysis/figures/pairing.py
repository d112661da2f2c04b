"""Which wrong answer stands against which right one: test error of every way to pair them, at one N."""

from __future__ import annotations

import pandas as pd

from analysis.figures.material import (
    BASELINE,
    Material,
    fill,
    interval_table,
    methods_of,
    missing,
    most_common_size,
    rows_of,
)
from analysis.figures.saving import Drawing

PREFERENCE = ("dpo", "dpo_edit_distance", "step_dpo")


def draw(material: Material) -> Drawing:
    """Points: size, label, method, seeds, tested, error, low, high, one line a label.

    Beside the rows of figure "pairing" stand the "size" rows of the preference methods and of SFT at the same N.

    Raises:
        MissingRunsError: no rows of figure "pairing".
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

    rows = _rows(material)
    table = interval_table(material.results, rows, ["problems", "label"]).rename(columns={"problems": "size"})
    table.insert(2, "method", table["label"].map(methods_of(rows)))
    size = int(table["size"].iloc[0])
    styles = looks(table[table["label"] != BASELINE])
    figure = empty_figure(0.9 + 0.2 * len(styles))
    axes = finish_axes(figure.add_subplot())
    plot_dots(axes, table[table["label"] != BASELINE], styles)
    if BASELINE in set(table["label"]):
        plot_reference(axes, table[table["label"] == BASELINE], along="x")
        add_legend(figure, [(REFERENCE, f"{BASELINE} with its 95 % interval")])
    name_axes(axes, f"test error in %, N = {size}", "")
    caption = f"Ways to pair right and wrong responses, at N = {size} problems, with 95 % intervals."
    return Drawing(figure, table, caption)


def _rows(material: Material) -> pd.DataFrame:
    own = rows_of(material.results, "pairing")
    if own.empty:
        raise missing("pairing")
    size = most_common_size(own)
    others = rows_of(material.results, "size")
    others = others[(others["problems"] == size) & others["method"].isin([BASELINE, *PREFERENCE])]
    others = others[(others["method"] != BASELINE) | (others["label"] == BASELINE)]
    return fill(own[own["problems"] == size], others, ["label"])
