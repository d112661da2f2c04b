"""The price list: each label's test error relative to SFT's and to RFT's, at equal data and at equal FLOPs."""

from __future__ import annotations

from dataclasses import asdict, replace
from math import isfinite
from textwrap import fill
from typing import TYPE_CHECKING

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing, MissingRunsError
from analysis.figures.inputs import FigureInputs, methods_of, most_common_size
from analysis.study.relative_errors import relative_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REFERENCES = (BASELINE, "rft")
SWEEP = "sweeps/prices.yaml"
ROW = 0.21  # inches
FOLDED = 0.08  # inches more where a name has two lines
APART = 0.17  # rows between the points of a label
LEAST = 1e-3  # smallest ratio that is drawn


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, reference, equal (data or FLOPs), ratio, low, high; the lowest ratio first.

    They are of the N with the most labels (of several, the middle one).

    Raises:
        MissingRunsError: no rows of figure "size" with SFT, which has errors, and another label at one N.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.panels import letter_panels
    from analysis.figures.style import (
        CHARACTER,
        FONT,
        LINE,
        REFERENCE,
        WIDTHS,
        add_legend,
        display_name,
        empty_figure,
        finish_axes,
        log_ticks,
        look_of,
        name_ticks,
        plot_intervals,
    )

    study = inputs.size_study()
    shared = [n for label, n in study.cells if label != BASELINE and (BASELINE, n) in study.cells]
    if not shared:
        raise MissingRunsError(f'no rows with figure "size" of {BASELINE} and another label at one N: run {SWEEP}')
    size = most_common_size(pd.DataFrame({"problems": shared}))
    # Over a reference without errors no ratio is known.
    lines = [line for line in relative_errors(study, REFERENCES, size) if isfinite(line.ratio)]
    if not any((line.reference, line.equal) == (BASELINE, "data") for line in lines):
        raise MissingRunsError(f"{BASELINE} has no errors at N = {size}: run {SWEEP}, or a smaller N")
    table = pd.DataFrame([asdict(line) for line in lines])
    table.insert(1, "method", table["label"].map(methods_of(inputs.results.rows)))
    of_data = table[(table["equal"] == "data") & (table["reference"] == BASELINE)]
    labels = list(of_data.sort_values(["ratio", "label"])["label"])
    table["place"] = table["label"].map({label: place for place, label in enumerate(labels)})
    table = table.dropna().sort_values(["place", "reference", "equal"]).drop(columns="place").reset_index(drop=True)
    references = [name for name in REFERENCES if name in set(table["reference"])]
    styles = {name: replace(look_of(name), line="none", filled=name == BASELINE) for name in references}

    widest = int(0.36 * WIDTHS[inputs.width] / CHARACTER)
    names = [fill(display_name(label), widest) for label in labels]
    drawn = empty_figure(inputs.width, (ROW + FOLDED * any("\n" in name for name in names)) * len(labels) + 0.75)
    panels = list(drawn.subplots(1, 2, sharex=True, sharey=True))

    def draw_panel(axes: Axes, equal: str) -> None:
        finish_axes(axes, f"equal {equal}")
        axes.axvline(1, color=REFERENCE.colour, linestyle=REFERENCE.line, linewidth=LINE, zorder=1.5)
        for turn, name in enumerate(references):
            points = table[(table["equal"] == equal) & (table["reference"] == name)]
            places = [labels.index(label) + APART * (2 * turn - len(references) + 1) for label in points["label"]]
            values = points[["ratio", "low", "high"]].clip(lower=LEAST).to_numpy(dtype=float)
            plot_intervals(axes, places, values, styles[name], along="x")

    for axes, equal in zip(panels, ("data", "FLOPs"), strict=True):
        draw_panel(axes, equal)
    name_ticks(panels[0], range(len(labels)), "y", names)
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    seen = table[["ratio", "low", "high"]].clip(lower=LEAST)
    log_ticks(
        panels[0], seen.min().min() / 1.2, min(seen.max().max(), 10 * seen["ratio"].max()) * 1.2, "x", sparse=True
    )
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    letter_panels(panels)
    axis = f"{inputs.error_name}, relative to the reference, N = {size}"
    drawn.supxlabel(fill(axis, int((WIDTHS[inputs.width] - 0.1) / CHARACTER)), fontsize=FONT)
    add_legend(drawn, [(styles[name], f"relative to {display_name(name)}") for name in references])
    named = " and to ".join(map(display_name, references))
    caption = (
        f"{inputs.error_title}, at N = {size} relative to {named}: at the same N, "
        "and to their fitted laws at the FLOPs that a method spent on training and sampling. Left of the line a method "
        "is better. No point: the method spent more than the reference's largest run, or less than its smallest. 95 % "
        "paired intervals."
    )
    return Drawing(drawn, table, caption)
