"""Test error against self-generated positives per problem, at fixed N."""

from __future__ import annotations

import pandas as pd

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, fill, interval_table, missing

# One look per line, for sizes from small to large: shades of RFT's colour.
SHADES = ("#F0B94D", "#B97A00", "#6B4600", "#2E1E00")
MARKERS = ("s", "o", "^", "D")


def draw(inputs: FigureInputs) -> Drawing:
    """Points: size, positives (k), positives_used (mean per problem), seeds, tested, error, low, high.

    The sizes are those of the rows whose figure is "positives". There the "size" rows of SFT (k = 0), and of RFT
    with the same number of rollouts, fill in points that the scan itself did not run.

    Raises:
        MissingRunsError: no rows of figure "positives".
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.style import Look, add_legend, display_name, name_axes, name_ticks, new_figure, plot_points

    rows = _rows(inputs)
    table = interval_table(inputs.results, rows, ["problems", "positives"]).rename(columns={"problems": "size"})
    used = (rows["positives_used"] / rows["problems"]).groupby([rows["problems"], rows["positives"]]).mean()
    keys = table[["size", "positives"]].itertuples(index=False, name=None)
    table.insert(2, "positives_used", [used[key] for key in keys])
    figure, axes = new_figure(inputs.width)
    entries = []
    for index, (size, line) in enumerate(table.groupby("size")):
        look = Look(SHADES[index % len(SHADES)], MARKERS[index % len(MARKERS)])
        plot_points(axes, line["positives"], line, look, line="-")
        entries.append((look, f"{display_name('rft')}, N = {size}"))
    axes.set_xscale("symlog", base=2, linthresh=1, linscale=0.5)  # doubling steps, with room for 0
    name_ticks(axes, sorted(set(table["positives"])))
    axes.set_ylim(bottom=0)
    name_axes(axes, "self-generated positives per problem, k (0: SFT)", inputs.error_axis)
    add_legend(figure, entries)
    caption = f"RFT over-scaling: {inputs.error_name}, against the self-generated positives per problem."
    return Drawing(figure, table, caption)


def _rows(inputs: FigureInputs) -> pd.DataFrame:
    rows = inputs.results.rows
    rows = rows[rows["method"].isin(["sft", "rft"]) & (rows["label"] == rows["method"])]
    rows = rows.assign(positives=rows["positives"].where(rows["method"] == "rft", 0))
    scan = rows[rows["figure"] == "positives"]
    if scan.empty:
        raise missing("positives")
    rollouts = set(scan.loc[scan["method"] == "rft", "rollouts"])
    fits = (rows["method"] == "sft") | (rows["rollouts"].isin(rollouts) & (rows["positives"] > 0))
    fits &= (rows["figure"] == "size") & rows["problems"].isin(scan["problems"])
    return fill(scan, rows[fits], ["problems", "positives"])
