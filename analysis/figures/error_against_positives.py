"""Test error against self-generated positives a problem, at fixed N: does more of the same data go on helping?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.bootstrap import resample
from analysis.cells import cells
from analysis.figures.saving import MissingRunsError
from analysis.rows import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# One look a line, for sizes from small to large: shades of RFT's own colour.
SHADES = ("#F0B94D", "#B97A00", "#6B4600", "#2E1E00")
MARKERS = ("s", "o", "^", "D")


def points(results: Results) -> pd.DataFrame:
    """One line a (N, k): size, positives (k), positives_used (mean a problem), seeds, error, low, high.

    The sizes are those of the rows whose figure is "positives". There the "size" rows of SFT (k = 0), and of RFT
    with the same number of rollouts, stand in for points that the scan itself did not run.

    Raises:
        MissingRunsError: no rows of figure "positives".
        InputError: several tasks, or two runs of one seed at one point.
    """
    rows = _rows(results)
    found = cells(results, rows, ["problems", "positives"])
    draws = resample(found)
    used = (rows["positives_used"] / rows["problems"]).groupby([rows["problems"], rows["positives"]]).mean()
    lines = []
    for key, cell in found.items():
        low, high = draws.interval(key)
        lines.append((*key, used[key], len(cell.seeds), cell.error, low, high))
    return pd.DataFrame(lines, columns=["size", "positives", "positives_used", "seeds", "error", "low", "high"])


def draw(results: Results) -> Figure:
    """The figure. Raises as `points` does."""
    from analysis.figures.style import Look, add_legend, name_axes, name_ticks, new_figure, plot_points

    table = points(results)
    figure, axes = new_figure()
    entries = []
    for index, (size, line) in enumerate(table.groupby("size")):
        look = Look(SHADES[index % len(SHADES)], MARKERS[index % len(MARKERS)])
        plot_points(axes, line["positives"], line, look, line="-")
        entries.append((look, f"N = {size}"))
    axes.set_xscale("symlog", base=2, linthresh=1, linscale=0.5)  # doubling steps, with room for 0
    name_ticks(axes, sorted(set(table["positives"])))
    axes.set_ylim(bottom=0)
    name_axes(axes, "self-generated positives a problem, k (0: SFT)")
    add_legend(figure, entries)
    return figure


def _rows(results: Results) -> pd.DataFrame:
    rows = results.rows[results.rows["method"].isin(["sft", "rft"]) & (results.rows["label"] == results.rows["method"])]
    rows = rows.assign(positives=rows["positives"].where(rows["method"] == "rft", 0))
    scan = rows[rows["figure"] == "positives"]
    if scan.empty:
        raise MissingRunsError('no rows with figure "positives": a sweep over positives a problem at fixed N fills it')
    rollouts = set(scan.loc[scan["method"] == "rft", "rollouts"])
    fits = (rows["method"] == "sft") | (rows["rollouts"].isin(rollouts) & (rows["positives"] > 0))
    others = rows[(rows["figure"] == "size") & rows["problems"].isin(scan["problems"]) & fits]
    point = ["problems", "positives", "seed"]
    ran = set(scan[point].itertuples(index=False, name=None))
    new = [key not in ran for key in others[point].itertuples(index=False, name=None)]
    return pd.concat([scan, others[new]])
