"""Per-step DPO and its step values: error against the training of the rollout policy, and against the rollouts K.

K is the number of Monte Carlo rollouts per prefix.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, fill, interval_table, missing, most_common_size, rows_of, setting

METHOD = "step_dpo"


class Scan(NamedTuple):
    """One panel: the rows' figure, the setting along its axis, the axis' name, and the setting that is fixed."""

    figure: str
    path: str
    axis: str
    held: str


SCANS = (
    Scan("rollout_policy", "rollout_policy.epochs", "rollout policy, epochs", "credit.rollouts"),
    Scan("rollouts", "credit.rollouts", "rollouts per prefix, K", "rollout_policy.epochs"),
)


def draw(inputs: FigureInputs) -> Drawing:
    """Points: scan (the rows' figure), size, label, value (epochs or K, none for SFT), seeds, tested, error, low, high.

    "size" rows of step_dpo at the same N fill in points that were not run, and those of SFT are the reference.

    Raises:
        MissingRunsError: no rows of either figure.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.panels import letter_panels
    from analysis.figures.style import (
        REFERENCE,
        add_legend,
        display_name,
        empty_figure,
        finish_axes,
        look_of,
        name_axes,
        name_ticks,
        plot_points,
        plot_reference,
    )

    tables = [table for scan in SCANS if (table := _points(inputs, scan)) is not None]
    if not tables:
        raise missing('rollout_policy" or "rollouts')
    figure = empty_figure(inputs.width)
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for table, axes in zip(tables, panels, strict=True):
        (scan,) = (scan for scan in SCANS if scan.figure == table["scan"].iloc[0])
        finish_axes(axes, f"N = {table['size'].iloc[0]}")
        line = table[table["label"] == METHOD]
        plot_points(axes, line["value"], line, look_of(METHOD), line="-")
        plot_reference(axes, table[table["label"] == BASELINE])
        axes.set_xscale("log", base=2)
        name_ticks(axes, sorted(set(line["value"])))
        name_axes(axes, scan.axis, inputs.error_axis if axes is panels[0] else "")
    panels[0].set_ylim(bottom=0)
    letter_panels(panels)
    entries = [(look_of(METHOD), display_name(METHOD)), (REFERENCE, f"{display_name(BASELINE)} with its 95 % interval")]
    add_legend(figure, entries if any(BASELINE in set(table["label"]) for table in tables) else entries[:1])
    caption = (
        f"{inputs.error_title}, of {display_name(METHOD)} against the epochs of the rollout policy, and against the "
        "Monte Carlo "
        "rollouts per prefix."
    )
    return Drawing(figure, pd.concat(tables, ignore_index=True), caption)


def _points(inputs: FigureInputs, scan: Scan) -> pd.DataFrame | None:
    scanned = rows_of(inputs.results, scan.figure)
    scanned = scanned[scanned["method"] == METHOD]
    if scanned.empty:
        return None
    scanned = scanned[scanned["problems"] == most_common_size(scanned)]
    others = rows_of(inputs.results, "size")
    others = others[others["problems"].isin(scanned["problems"]) & (others["label"] == others["method"])]
    same = setting(others, scan.held).isin(set(setting(scanned, scan.held)))
    others = others[(others["method"] == BASELINE) | ((others["method"] == METHOD) & same)]
    rows = fill(
        scanned.assign(label=METHOD, value=setting(scanned, scan.path)), _valued(others, scan), ["label", "value"]
    )
    table = interval_table(inputs.results, rows.dropna(subset="value"), ["problems", "label", "value"])
    table.loc[table["label"] == BASELINE, "value"] = None
    table.insert(0, "scan", scan.figure)
    return table.rename(columns={"problems": "size"})


def _valued(rows: pd.DataFrame, scan: Scan) -> pd.DataFrame:
    """The rows with the setting's value; for SFT, which has none, 0."""
    return rows.assign(value=setting(rows, scan.path).where(rows["method"] != BASELINE, 0))
