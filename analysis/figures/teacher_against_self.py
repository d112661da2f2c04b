"""Test error against responses per problem at fixed N: the teacher's solutions compared with self-generated ones."""

from __future__ import annotations

import pandas as pd

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, fill, interval_table, missing, setting

SOURCES = {"teacher": "teacher's solutions", "self": "one teacher's, k self-generated"}


def draw(inputs: FigureInputs) -> Drawing:
    """Points: size, source (teacher or self), responses (per problem), seeds, tested, error, low, high.

    `responses` counts the teacher's traces t, or 1 + k with k self-generated positives; both lines start from SFT on
    one trace. Rows of figures "size" and "positives" at the same N, with as many rollouts, fill in missing points.

    Raises:
        MissingRunsError: no rows of figure "teacher".
        InputError: two runs of one seed at one point.
    """
    from dataclasses import replace

    from analysis.figures.style import add_legend, look_of, name_axes, name_ticks, new_figure, plot_points

    table = interval_table(inputs.results, _rows(inputs), ["size", "source", "responses"])
    figure, axes = new_figure(inputs.width)
    entries = []
    sizes = sorted(set(table["size"]))
    for place, size in enumerate(sizes):
        for source, method in (("teacher", "sft"), ("self", "rft")):
            look = replace(look_of(method), line=("-", "--", ":")[place % 3], filled=place == 0)
            line = table[(table["size"] == size) & (table["source"] == source)]
            plot_points(axes, line["responses"], line, look, line=look.line)
            entries.append((look, SOURCES[source] + (f", N = {size}" if len(sizes) > 1 else "")))
    axes.set_xscale("log", base=2)
    name_ticks(axes, [2**power for power in range(int(table["responses"].max()).bit_length())])
    axes.set_ylim(bottom=0)
    name_axes(axes, "responses per problem", inputs.error_axis)
    add_legend(figure, entries)
    at = ", ".join(map(str, sizes))
    caption = f"The teacher's solutions compared with as many self-generated ones per problem, at N = {at} problems."
    return Drawing(figure, table, caption)


def _rows(inputs: FigureInputs) -> pd.DataFrame:
    rows = inputs.results.rows
    rows = rows[rows["method"].isin(["sft", "rft"])]
    traces = setting(rows, "data.traces", default=1).astype(int)
    rft = rows["method"] == "rft"
    rows = rows.assign(source=rft.map({True: "self", False: "teacher"}), size=rows["problems"])
    rows = rows.assign(responses=traces.where(~rft, 1 + rows["positives"]))
    scan = rows[rows["figure"] == "teacher"]
    if scan.empty:
        raise missing("teacher")
    rollouts = set(scan.loc[scan["source"] == "self", "rollouts"]) or set(rows["rollouts"])
    fits = rows["figure"].isin(["size", "positives"]) & (rows["label"] == rows["method"])
    fits &= rows["size"].isin(scan["size"]) & (~rft | (traces == 1) & rows["rollouts"].isin(rollouts))
    filled = fill(scan, rows[fits], ["size", "source", "responses"])
    start = filled[(filled["source"] == "teacher") & (filled["responses"] == 1)]
    return fill(filled, start.assign(source="self"), ["size", "source", "responses"])
