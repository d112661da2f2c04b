"""Test error against the temperature of sampling, at one N: whether a method sharpens the policy or teaches it."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing, most_common_size, rows_of


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, temperature (0: greedy), seeds, error, low, high (95 % interval over seeds).

    The N is the one with the most runs that have sampled errors.

    Raises:
        MissingRunsError: no rows of figure "size" with sampled errors.
    """
    from analysis.figures.style import (
        add_legend,
        display_name,
        log_percent,
        looks,
        name_axes,
        name_ticks,
        new_figure,
        plot_points,
    )

    points = inputs.study.temperatures
    if not points:
        raise missing("size", " and sampled errors (evaluation.samples)")
    rows = rows_of(inputs.results, "size")
    size = most_common_size(rows[[isinstance(errors, dict) and bool(errors) for errors in rows["sampled_errors"]]])
    table = pd.DataFrame([asdict(one) for one in points if one.size == size])
    table.insert(1, "method", table["label"].map(methods_of(rows)))
    figure, axes = new_figure()
    entries = []
    for label, look in looks(table, inputs.methods).items():
        line = table[table["label"] == label]
        plot_points(axes, line["temperature"], line, look, line=look.line)
        entries.append((look, display_name(label)))
    name_ticks(axes, sorted(set(table["temperature"])))
    log_percent(axes, table)
    name_axes(axes, "temperature T of sampling (0: greedy)", f"test error in %, N = {size}")
    add_legend(figure, entries, columns=3)
    caption = (
        f"Test error against the temperature of sampling, at N = {size} problems, with 95 % intervals over seeds. A "
        "method that is better at T = 1 alone has sharpened the policy; one that is better at every T has taught it."
    )
    return Drawing(figure, table, caption)
