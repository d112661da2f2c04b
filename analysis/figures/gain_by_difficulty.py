"""The reduction of SFT's test error by each method, by the initial policy's pass rate on the problem."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis.data.cells import Cell, SizeKey, cells
from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, missing, most_common_size, rows_of
from analysis.stats.bootstrap import resample
from analysis.study.differences import difference

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # of the pass rate; each bin holds its lower edge, the last both
FEWEST = 5  # problems; a bin with fewer is left out
WIDTH = 0.62  # of a bin's width over which the labels' points are spread


def draw(inputs: FigureInputs) -> Drawing:
    """Points: size, label, pass_low, pass_high (the bin), problems, gain, low, high (fractions, paired 95 % interval).

    The pass rate of a test problem is the mean over the seeds at that N; the N is the one with the most such runs.
    Every label that is the name of its method is shown.

    Raises:
        MissingRunsError: no rows of figure "size" with pass rates of both SFT and another method.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.style import (
        FONT,
        add_legend,
        display_name,
        looks,
        name_axes,
        name_ticks,
        new_figure,
        percents,
        plot_intervals,
    )

    rows = rows_of(inputs.results, "size")
    rated = rows[rows["run"].isin(list(inputs.results.pass_rate))]
    if rated.empty:
        raise missing("size", " and pass rates (evaluation.difficulty_rollouts)")
    size = most_common_size(rated)
    rows = rows[(rows["problems"] == size) & (rows["label"] == rows["method"])]
    by_label: dict[SizeKey, Cell] = {
        (str(label), size): cell for (label,), cell in cells(inputs.results, rows, ["label"]).items()
    }
    if (BASELINE, size) not in by_label or len(by_label) < 2:
        raise missing("size", f" of {BASELINE} and another method, with pass rates")
    first = rated[rated["problems"] == size].drop_duplicates("seed")["run"]  # methods share their initial policy
    table = _points(by_label, np.mean([inputs.results.pass_rate[run] for run in first], axis=0))
    figure, axes = new_figure(inputs.width)
    bins = list(dict.fromkeys(zip(table["pass_low"], table["pass_high"], table["problems"], strict=True)))
    styles = looks(table.assign(method=table["label"]), inputs.methods)
    for place, (label, look) in enumerate(styles.items()):
        line = table[table["label"] == label]
        shift = WIDTH * (place / max(1, len(styles) - 1) - 0.5)
        plot_intervals(axes, np.arange(len(bins)) + shift, percents(line, "gain"), look)
    axes.axhline(0, color="black", linewidth=0.8, zorder=1.5)
    texts = [f"{100 * low:.0f}-{100 * high:.0f}\n{count}" for low, high, count in bins]
    name_ticks(axes, range(len(bins)), texts=texts)
    axes.tick_params(axis="x", labelsize=FONT, length=0)
    axes.grid(False, axis="x")
    for edge in range(1, len(bins)):
        axes.axvline(edge - 0.5, color="0.92", linewidth=0.6, zorder=0)
    name_axes(
        axes,
        f"initial pass rate in %, N = {size}\n(below: test problems)",
        f"{display_name(BASELINE)} minus method,\npercentage points",
    )
    add_legend(figure, [(look, display_name(label)) for label, look in styles.items()], columns=3)
    caption = (
        f"{inputs.error_title}, of {display_name(BASELINE)} minus that of each method, in percentage points, by the "
        "share of the "
        f"initial policy's samples that were correct, at N = {size} problems; paired 95 % intervals. Methods stand "
        "side by side within a range of pass rates."
    )
    return Drawing(figure, table, caption)


def _points(by_label: dict[SizeKey, Cell], initial: np.ndarray) -> pd.DataFrame:
    """Gains of every label by bin of the initial pass rate (P,)."""
    bins = np.clip(np.searchsorted(EDGES, initial, side="right") - 1, 0, len(EDGES) - 2)
    lines = []
    for index, (low, high) in enumerate(pairwise(EDGES)):
        inside = bins == index
        if inside.sum() < FEWEST:
            continue
        draws = resample({key: replace(cell, wrong=cell.wrong[:, inside]) for key, cell in by_label.items()})
        for label, size in by_label:
            if label != BASELINE:
                gain = difference(draws, (BASELINE, size), (label, size))
                lines.append((size, label, low, high, int(inside.sum()), gain.difference, gain.low, gain.high))
    return pd.DataFrame(
        lines, columns=["size", "label", "pass_low", "pass_high", "problems", "gain", "low", "high"]
    ).sort_values(["label", "pass_low"], ignore_index=True)
