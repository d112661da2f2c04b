"""Test error against responses a problem at fixed N: more of the teacher's solutions against the policy's own."""

from __future__ import annotations

import pandas as pd

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, fill, interval_table, missing, setting

SOURCES = {"teacher": "teacher's solutions", "self": "one teacher's, k self-generated"}


def draw(inputs: FigureInputs) -> Drawing:
    """Points: size, source (teacher or self), responses (a problem), seeds, tested, error, low, high.

    `responses` counts the teacher's traces t, or 1 + k with k self-generated positives; both lines start from SFT on
    one trace. Rows of figures "size" and "positives" at the same N, with as many rollouts, stand in for points not run.

    Raises:
        MissingRunsError: no rows of figure "teacher".
        InputError: two runs of one seed at one point.
    """
    from dataclasses import replace

    from analysis.figures.style import add_legend, look_of, name_axes, name_ticks, new_figure, plot_points

    table = interval_table(inputs.results, _rows(inputs), ["size", "source", "responses"])
    figure, axes = new_figure()
    entries = []
    sizes = sorted(set(table["size"]))
    for place, size in enumerate(sizes):
        for source, method in (("teacher", "sft"), ("self", "rft")):
            look = replace(look_of(method), line=("-", "--", ":")[place % 3], filled=place == 0)
            own = table[(table["size"] == size) & (table["source"] == source)]
            plot_points(axes, own["responses"], own, look, line=look.line)
            entries.append((look, SOURCES[source] + (f", N = {size}" if len(sizes) > 1 else "")))
    axes.set_xscale("log", base=2)
    name_ticks(axes, [2**power for power in range(int(table["responses"].max()).bit_length())])
    axes.set_ylim(bottom=0)
    name_axes(axes, "responses a problem")
    add_legend(figure, entries)
    at = ", ".join(map(str, sizes))
    caption = f"The teacher's own solutions against self-generated ones, as many a problem, at N = {at} problems."
    return Drawing(figure, table, caption)


def _rows(inputs: FigureInputs) -> pd.DataFrame:
    rows = inputs.results.rows
    rows = rows[rows["method"].isin(["sft", "rft"])]
    traces = setting(rows, "data.traces", default=1).astype(int)
    rft = rows["method"] == "rft"
    rows = rows.assign(source=rft.map({True: "self", False: "teacher"}), size=rows["problems"])
    rows = rows.assign(responses=traces.where(~rft, 1 + rows["positives"]))
    own = rows[rows["figure"] == "teacher"]
    if own.empty:
        raise missing("teacher")
    rollouts = set(own.loc[own["source"] == "self", "rollouts"]) or set(rows["rollouts"])
    fits = rows["figure"].isin(["size", "positives"]) & (rows["label"] == rows["method"])
    fits &= rows["size"].isin(own["size"]) & (~rft | (traces == 1) & rows["rollouts"].isin(rollouts))
    found = fill(own, rows[fits], ["size", "source", "responses"])
    start = found[(found["source"] == "teacher") & (found["responses"] == 1)]
    return fill(found, start.assign(source="self"), ["size", "source", "responses"])
