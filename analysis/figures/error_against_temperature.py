"""Test error against the temperature of sampling, at one N: whether a method sharpens the policy or teaches it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing, most_common_size, rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, temperature (0: greedy), seeds, error, low, high (95 % interval over seeds).

    The N is the one with the most runs that have sampled errors.

    Raises:
        MissingRunsError: no rows of figure "size" with sampled errors.
    """
    from analysis.figures.panels import name_shared_axes, panels_beside_baseline
    from analysis.figures.style import add_legend, display_name, log_percent, looks, name_ticks, plot_points

    points = inputs.study.temperatures
    if not points:
        raise missing("size", " and sampled errors (evaluation.samples)")
    rows = rows_of(inputs.results, "size")
    size = most_common_size(rows[[isinstance(errors, dict) and bool(errors) for errors in rows["sampled_errors"]]])
    table = pd.DataFrame([asdict(one) for one in points if one.size == size])
    table.insert(1, "method", table["label"].map(methods_of(rows)))
    styles = looks(table, inputs.methods)

    def draw_label(axes: Axes, label: str) -> str:
        line = table[table["label"] == label]
        plot_points(axes, line["temperature"], line, styles[label], line=styles[label].line)
        name_ticks(axes, sorted(set(table["temperature"])))
        return ""

    figure, panels = panels_beside_baseline(styles, inputs.width, draw_label)
    log_percent(panels[0], table, sparse=True)
    error = f"test error in %, N = {size}"
    name_shared_axes(figure, "temperature T of sampling (0: greedy)", error, inputs.width)
    if BASELINE in styles and len(styles) > 1:
        add_legend(figure, [(styles[BASELINE], f"{display_name(BASELINE)}, in every panel")])
    caption = (
        f"Test error against the temperature of sampling, at N = {size} problems, with 95 % intervals over seeds. A "
        "method that is better at T = 1 alone has sharpened the policy; one that is better at every T has taught it."
    )
    return Drawing(figure, table, caption)
