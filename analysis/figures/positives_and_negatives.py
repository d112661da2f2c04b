"""Test error over positives P and negatives M, with contours of the joint law `A (P + kappa M)^-alpha`.

kappa is the exchange rate: the number of positives that one negative replaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, missing, numbers
from analysis.stats.bootstrap import percentile_interval
from analysis.study.grids import GridStudy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

KEY = ["label", "problems", "negatives"]
KAPPA = ["kappa", "kappa_low", "kappa_high"]


def draw(inputs: FigureInputs) -> Drawing:
    """Points: panel, label, problems, negatives (requested per problem), P, M (means over seeds), seeds, tested, error,
    low, high, kappa, kappa_low, kappa_high; one panel per method.

    P and M are those of `scans.grid`: "size" rows of the method fill in points that the grid did not run, and
    SFT's are every panel's points without negatives. kappa is empty where the law cannot be fitted.

    Raises:
        MissingRunsError: no rows of figure "grid", or too few for the joint law.
        InputError: two runs of one seed at one point.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    from analysis.figures.panels import letter_panels, name_shared_axes
    from analysis.figures.style import FONT, display_name, empty_figure, finish_axes, log_ticks, name_axes, name_ticks

    grids = inputs.study.grids
    if not grids:
        raise missing("grid", " over two N and two amounts of negatives")
    laws = {method: _fit(grid_study) for method, grid_study in grids.items()}
    table = pd.concat(
        [_points(method, grid_study, laws[method]) for method, grid_study in grids.items()], ignore_index=True
    )
    seen = 100 * table["error"].clip(lower=1e-3)
    colours = ScalarMappable(LogNorm(seen.min(), seen.max()), "cividis_r")
    figure = empty_figure(inputs.width, 2.9)
    panels = figure.subplots(1, len(grids), sharex=True, sharey=True, squeeze=False)[0]
    between = "\n" if inputs.width == "column" else " "
    for (method, points), axes in zip(table.groupby("panel"), panels, strict=True):
        finish_axes(axes)
        _set_scales(axes, table)
        title = f"{display_name(str(method))}\n"
        fitted = laws[str(method)]
        if fitted is not None:
            law, interval = fitted
            title += f"$\\kappa$ = {law.kappa:.2f}{between}[{interval[0]:.2f}, {interval[1]:.2f}]"
            _draw_contours(axes, law, table)
        axes.set_title(title, fontsize=FONT, loc="left")
        _draw_points(axes, points, colours)
        name_axes(axes, "", "negatives M" if axes is panels[0] else "")
        name_ticks(axes, sorted(set(table["problems"])))
    letter_panels(panels)
    symbols = (
        r"lines: equal error of the law A (P + $\kappa$ M)$^{-\alpha}$, in %; "
        r"$\kappa$: positives that a negative replaces"
    )
    name_shared_axes(figure, "positives P", "", inputs.width, symbols)
    bar = figure.colorbar(colours, ax=list(panels), pad=0.02, aspect=30)
    log_ticks(bar.ax, seen.min(), seen.max())
    bar.ax.tick_params(labelsize=FONT)
    bar.set_label(inputs.error_axis, fontsize=FONT)
    caption = (
        f"{inputs.error_title}, over positives P and negatives M, the measured points in colour; lines are where "
        "the joint law "
        "A (P + kappa M)^-alpha has the same error, in %. kappa is the number of positives that one negative replaces."
    )
    return Drawing(figure, table, caption)


def _points(method: str, study: GridStudy, fitted: tuple[Any, tuple[float, float]] | None) -> pd.DataFrame:
    grid = study.grid
    table = numbers(grid.points, study.draws, KEY)
    keys = pd.MultiIndex.from_tuples(list(grid.points))
    amounts = pd.DataFrame({"P": grid.problems, "M": grid.negatives}, index=keys)
    amounts = amounts.reindex(pd.MultiIndex.from_frame(table[KEY])).reset_index(drop=True)
    table = pd.concat([table[KEY], amounts, table.drop(columns=KEY)], axis=1)
    table.insert(0, "panel", method)
    table[KAPPA] = (fitted[0].kappa, *fitted[1]) if fitted else (np.nan, np.nan, np.nan)
    return table


def _fit(study: GridStudy) -> tuple[Any, tuple[float, float]] | None:
    """The joint law of a method's points with kappa's 95 % interval; None where it cannot be fitted."""
    try:
        return study.fit.law, percentile_interval(study.parameters[:, -1])
    except ValueError:  # no errors at all
        return None


def _set_scales(axes: Axes, points: pd.DataFrame) -> None:
    """Set a logarithmic scale for P, and for M one that is linear below the fewest negatives, to include 0."""
    least, most = points.loc[points["M"] > 0, "M"].min(), points["M"].max()
    axes.set_xscale("log")
    axes.set_xlim(points["P"].min() / 1.25, points["P"].max() * 1.25)
    axes.set_yscale("symlog", linthresh=least, linscale=0.6)
    axes.set_ylim(-0.12 * least, most * 1.4)


def _draw_contours(axes: Axes, law: Any, points: pd.DataFrame) -> None:
    from analysis.figures.style import FONT

    p = np.geomspace(*axes.get_xlim(), 80)
    least = points.loc[points["M"] > 0, "M"].min()
    m = np.concatenate([np.linspace(0, least, 20), np.geomspace(least, axes.get_ylim()[1], 60)[1:]])
    error = 100 * law.predict(*np.meshgrid(p, m))
    marks = np.array([step * 10.0**decade for decade in range(-2, 3) for step in (1, 1.5, 2, 3, 5, 7)])
    marks = marks[(marks > np.nanmin(error)) & (marks < np.nanmax(error))]  # none where P + kappa M is negative
    lines = axes.contour(p, m, error, levels=marks, colors="0.45", linewidths=0.8)
    crossing = [
        mark for mark in marks if error[0].min() < mark < error[0].max()
    ]  # other labels would be cut at an edge
    axes.clabel(lines, crossing, fmt="%g", fontsize=FONT)


def _draw_points(axes: Axes, points: pd.DataFrame, colours: ScalarMappable) -> None:
    shades = colours.to_rgba(100 * points["error"].clip(lower=1e-3).to_numpy())
    axes.scatter(points["P"], points["M"], c=shades, s=34, edgecolors="black", linewidths=0.6, zorder=3)
