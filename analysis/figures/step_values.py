"""Step values: their fall at the first error, the position of first errors, and the share of spurious steps.

A first error, called "first pit" in the paper, is the first step from which the policy no longer reaches the answer.
Spurious steps are those in correct responses, under SFT and after each method.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing, most_common_size, rows_of
from analysis.stats.means import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.figures.style import Look

METHOD = "step_dpo"  # the method shown; every method with step values values the same responses
LEAST = 0.02  # an offset or step is shown where at least this share of the responses has it
COLUMNS = ["panel", "label", "x", "value", "low", "high", "seeds"]
Line = tuple[str, str, float, float, float, float, int]


def draw(inputs: FigureInputs) -> Drawing:
    """Points: size, panel (profile, pits, true pits, spurious), label, method, x, value, low, high, seeds.

    profile: mean Q of incorrect responses at offset x from the first error. pits, true pits: share of first errors at
    step x, as estimated and as known by the task. spurious: share of spurious steps in a label's correct
    test responses. Values are means over seeds with 95 % intervals of Student's t; none for one seed. The N is the one
    with the most runs that have step values.

    Raises:
        MissingRunsError: no rows of figure "size" with step values.
    """
    from analysis.figures.panels import letter_panels
    from analysis.figures.style import REFERENCE, add_legend, display_name, empty_figure, finish_axes, look_of

    rows = rows_of(inputs.results, "size")
    valued = rows[rows["credit"].notna()] if "credit" in rows else rows.iloc[:0]
    if valued.empty:
        raise missing("size", " and step values")
    if METHOD in set(valued["label"]):
        valued = valued[valued["label"] == METHOD]
    size = most_common_size(valued)
    table = _points(rows[rows["problems"] == size], valued[valued["problems"] == size])
    table.insert(0, "size", size)
    panels = {str(name): points for name, points in table.groupby("panel")}
    spurious = panels.get("spurious")
    heights = [2.0] if spurious is None else [2.0, 0.55 + 0.17 * len(spurious)]
    figure = empty_figure(inputs.width, sum(heights))
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    _draw_profile(finish_axes(figure.add_subplot(grid[0, 0])), panels["profile"])
    _draw_pits(finish_axes(figure.add_subplot(grid[0, 1])), panels["pits"], panels.get("true pits"))
    entries = [(look_of(METHOD), "estimated by rollouts")]
    if "true pits" in panels:
        entries.append((_true(), "true first errors"))
    if spurious is not None:
        _draw_spurious(finish_axes(figure.add_subplot(grid[1, :])), spurious, inputs.methods)
        entries.append((REFERENCE, f"{display_name(BASELINE)}, 95 % interval"))
    letter_panels(figure.axes)
    add_legend(figure, entries, columns=3)
    caption = (
        f"Step values at N = {size} problems. Above: mean value of incorrect responses around the first error, and "
        "where first errors fall, as estimated from rollouts and as known by the task. Below: share of spurious steps "
        f"in correct test responses, under {display_name(BASELINE)} and after each method. 95 % intervals over seeds."
    )
    return Drawing(figure, table, caption)


def _points(rows: pd.DataFrame, valued: pd.DataFrame) -> pd.DataFrame:
    label = str(valued["label"].iloc[0])
    credit = list(valued["credit"])
    lines = _lines("profile", label, [_profile(one["negative_profile"]) for one in credit])
    lines += _lines("pits", label, [_shares(one["pits"]) for one in credit], empty=0.0)
    if all(one["true_pits"] for one in credit):
        lines += _lines("true pits", label, [_shares(one["true_pits"]) for one in credit], empty=0.0)
    if "spurious_share" in rows:
        for name, group in rows.dropna(subset=["spurious_share"]).groupby("label"):
            lines += _lines("spurious", str(name), [{0.0: share} for share in group["spurious_share"]])
    table = pd.DataFrame(lines, columns=COLUMNS)
    table.insert(2, "method", table["label"].map(methods_of(rows)))
    return table


def _profile(profile: Iterable[Sequence[Any]]) -> dict[float, float]:
    """Offset -> mean Q, without the offsets that few responses have."""
    measured = [(offset, value, count) for offset, value, count in profile if value is not None]
    at_pit = next((count for offset, _, count in measured if offset == 0), 0)
    return {float(offset): float(value) for offset, value, count in measured if count >= LEAST * at_pit}


def _shares(histogram: Iterable[Sequence[int]]) -> dict[float, float]:
    """Step -> share of the first errors."""
    counts = {float(step): count for step, count in histogram}
    return {step: count / sum(counts.values()) for step, count in counts.items()}


def _lines(panel: str, label: str, by_seed: Sequence[dict[float, float]], empty: float | None = None) -> list[Line]:
    """One line per x: the mean over seeds and its interval; a seed without that x counts as `empty`, or not at all."""
    lines = []
    for x in sorted({x for values in by_seed for x in values}):
        values = [seed.get(x, empty) for seed in by_seed]
        there = [value for value in values if value is not None]
        value, low, high = mean_interval(there)  # shares: Student's t knows no bounds
        lines.append((panel, label, x, value, max(low, 0.0), min(high, 1.0), len(there)))
    return lines


def _true() -> Look:
    from analysis.figures.style import Look

    return Look("#D55E00", "o", "none")


def _draw_profile(axes: Axes, points: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    from analysis.figures.style import look_of, name_axes, percents, plot_intervals

    axes.axvline(0, color="0.6", linewidth=0.8, zorder=1)
    plot_intervals(axes, points["x"], percents(points, "value") / 100, look_of(METHOD), line="-")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylim(bottom=-0.03 * points["value"].max())
    name_axes(axes, "steps from the\nfirst error", "mean value Q")


def _draw_pits(axes: Axes, estimated: pd.DataFrame, true: pd.DataFrame | None) -> None:
    from matplotlib.ticker import MaxNLocator

    from analysis.figures.style import look_of, name_axes, percents, plot_intervals

    axes.bar(estimated["x"], 100 * estimated["value"], width=0.8, color=look_of(METHOD).colour, alpha=0.55)
    if true is not None:
        plot_intervals(axes, true["x"], percents(true, "value"), _true())
    shown = [one[one["value"] >= LEAST / 4]["x"].max() for one in (estimated, true) if one is not None]
    axes.set_xlim(0.3, max(shown) + 0.7)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    name_axes(axes, "step of the\nfirst error", "share in %")


def _draw_spurious(axes: Axes, points: pd.DataFrame, methods: Iterable[str]) -> None:
    from analysis.figures.style import looks, name_axes, plot_dots, plot_reference

    after = points[points["label"] != BASELINE]
    plot_dots(axes, after.rename(columns={"value": "error"}), looks(after, methods), 22)
    plot_reference(axes, points[points["label"] == BASELINE].rename(columns={"value": "error"}), along="x")
    name_axes(axes, "spurious steps in correct\nresponses, in %", "")
