"""Error of each method in worlds that differ in one property, at one N: what makes a negative worth something.

The properties are those of the task `collect`: the number of correct next steps, how often the base follows its
habits, the number of steps of a response, and, where errors share no rule, how many there are to learn.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import pandas as pd

from analysis.figures.drawing import Drawing, MissingRunsError
from analysis.figures.inputs import (
    FigureInputs,
    fill,
    interval_table,
    methods_of,
    most_common_size,
    rows_of,
    setting,
)

SWEEP = "sweeps/collect_ablations.yaml"


class Property(NamedTuple):
    """One panel: the rows' figure, the setting along its axis, and the axis' name."""

    figure: str
    path: str
    axis: str


PROPERTIES = (
    Property("choices", "task.choices", "correct next\nsteps, at most"),
    Property("habits", "task.habit_strength", "share of\nhabits followed"),
    Property("length", "task.wanted", "steps of\na response"),
    Property("apart", "task.classes", "classes, with\nerrors of their own"),
)


def draw(inputs: FigureInputs) -> Drawing:
    """Points: property (the rows' figure), size, label, method, value, seeds, tested, error, low, high.

    "size" rows of the same labels at the same N are the world that the others differ from.

    Raises:
        MissingRunsError: no rows of any of the figures.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.panels import letter_panels
    from analysis.figures.style import (
        HEIGHT,
        add_legend,
        display_name,
        empty_figure,
        finish_axes,
        log_percent,
        looks,
        name_axes,
        name_ticks,
        plot_points,
    )

    tables = [table for which in PROPERTIES if (table := _points(inputs, which)) is not None]
    if not tables:
        names = " or ".join(f'"{which.figure}"' for which in PROPERTIES)
        raise MissingRunsError(f"no rows with figure {names}: run {SWEEP}")
    table = pd.concat(tables, ignore_index=True)
    styles = looks(table, inputs.methods)
    columns = len(tables) if inputs.width == "page" else min(len(tables), 2)
    rows = ceil(len(tables) / columns)
    figure = empty_figure(inputs.width, rows * HEIGHT)
    grid = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    panels = grid[: len(tables)]
    for empty in grid[len(tables) :]:
        empty.set_visible(False)
    for points, axes in zip(tables, panels, strict=True):
        (shown,) = (which for which in PROPERTIES if which.figure == points["property"].iloc[0])
        finish_axes(axes, f"N = {points['size'].iloc[0]}")
        for label, look in styles.items():
            line = points[points["label"] == label]
            plot_points(axes, line["value"], line, look, line=look.line)
        axes.set_xscale("log", base=2)
        name_ticks(axes, sorted(set(points["value"])))
        name_axes(axes, shown.axis, inputs.error_axis if axes in panels[::columns] else "")
    log_percent(panels[0], table)
    letter_panels(panels)
    add_legend(figure, [(look, display_name(label)) for label, look in styles.items()])
    caption = (
        f"{inputs.error_title}, in worlds that differ in one property. Where rejected steps alone lie below per-step "
        "SFT, an incorrect step is worth more than its correct continuation; where per-step DPO does, it adds to it."
    )
    return Drawing(figure, table, caption)


def _points(inputs: FigureInputs, which: Property) -> pd.DataFrame | None:
    varied = rows_of(inputs.results, which.figure)
    if varied.empty:
        return None
    varied = varied[varied["problems"] == most_common_size(varied)]
    same = rows_of(inputs.results, "size")
    same = same[same["problems"].isin(varied["problems"]) & same["label"].isin(varied["label"])]
    rules = setting(varied, "task.rule", "prompt")
    same = same[setting(same, "task.rule", "prompt").isin(rules)]  # one property differs, not two
    rows = fill(_valued(varied, which), _valued(same, which), ["label", "value"])
    table = interval_table(inputs.results, rows.dropna(subset="value"), ["problems", "label", "value"])
    table.insert(0, "property", which.figure)
    table.insert(3, "method", table["label"].map(methods_of(rows)))
    return table.rename(columns={"problems": "size"})


def _valued(rows: pd.DataFrame, which: Property) -> pd.DataFrame:
    """The rows with the property's value; without a limit on next steps, all that are wanted may come."""
    value = setting(rows, which.path)
    return rows.assign(value=value.fillna(setting(rows, "task.wanted")).astype(float))
