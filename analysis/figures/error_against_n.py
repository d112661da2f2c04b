"""Test error against training problems N, both logarithmic: every label's points and its fitted law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.bootstrap import Draws, resample
from analysis.cells import Cell, SizeKey, size_cells
from analysis.curves import fit_curves
from analysis.figures.saving import MissingRunsError
from analysis.rows import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

APART = 1.012  # horizontal factor between the points of two labels at the same N


def points(results: Results) -> pd.DataFrame:
    """One line a (label, N): label, method, size, seeds, tested, error, low, high (fractions, 95 % interval).

    Raises:
        MissingRunsError: no rows of figure "size".
        InputError: several tasks, or two runs of one seed at one point.
    """
    return _table(results, *_drawn(results))


def draw(results: Results) -> Figure:
    """The figure. Raises as `points` does."""
    from analysis.figures.style import add_legend, log_percent, looks, name_axes, name_ticks, new_figure, plot_points

    cells, draws = _drawn(results)
    table = _table(results, cells, draws)
    curves, _ = fit_curves(cells, draws)
    figure, axes = new_figure()
    axes.set_xscale("log")
    styles, entries = looks(table), []
    for place, (label, look) in enumerate(styles.items()):
        text = label
        if label in curves:
            fit = curves[label].fit
            low, high = curves[label].exponent_interval()
            text += rf", $\alpha$ = {fit.law.exponent:.2f} [{low:.2f}, {high:.2f}]"
            sizes = np.geomspace(fit.smallest, fit.largest, 64)
            axes.plot(sizes, 100 * fit.law.predict(sizes), color=look.colour, linestyle=look.line, linewidth=1.1)
        own = table[table["label"] == label]
        # Set a little apart, or the intervals of labels that agree would hide each other.
        plot_points(axes, own["size"] * APART ** (place - (len(styles) - 1) / 2), own, look)
        entries.append((look, text))
    name_ticks(axes, sorted(set(table["size"])))
    seen = table[["error", "low", "high"]].to_numpy(dtype=float)
    room = 2 if (seen == 0).any() else 1  # a cell without errors shows the upper end of its interval only
    log_percent(axes, 100 * seen[seen > 0].min() / room, 100 * seen.max())
    name_axes(axes, "training problems N")
    add_legend(figure, entries)
    return figure


def _drawn(results: Results) -> tuple[dict[SizeKey, Cell], Draws[SizeKey]]:
    cells = size_cells(results)
    if not cells:
        raise MissingRunsError('no rows with figure "size": a sweep over N and methods fills it')
    return cells, resample(cells)


def _table(results: Results, cells: dict[SizeKey, Cell], draws: Draws[SizeKey]) -> pd.DataFrame:
    methods = dict(zip(results.rows["label"], results.rows["method"], strict=True))
    lines = []
    for (label, size), cell in cells.items():
        low, high = draws.interval((label, size))
        lines.append((label, methods[label], size, len(cell.seeds), cell.tested, cell.error, low, high))
    return pd.DataFrame(lines, columns=["label", "method", "size", "seeds", "tested", "error", "low", "high"])
