"""How a figure looks: one colour and marker a method in all of them, and axes whose ticks are the sizes run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.6, 3.0  # inches: one column; the legend comes on top
FONT = 8

# Okabe and Ito's colours, which stay apart for colour-blind readers; the marker says the same again in grey.
METHODS = {
    "sft": ("#000000", "o"),
    "rft": ("#E69F00", "s"),
    "rft_filtered": ("#56B4E9", "P"),
    "dpo": ("#D55E00", "v"),
    "dpo_edit_distance": ("#7F7F7F", "X"),
    "step_dpo": ("#0072B2", "^"),
    "step_sft": ("#009E73", "D"),
    "advantage_weighted": ("#CC79A7", "p"),
}
OTHER = ("#5B4636", "h")  # a method that has no colour yet
Line = Literal["-", "--", ":", "-."]
VARIANT_LINES: tuple[Line, ...] = ("--", ":", "-.")


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one label."""

    colour: str
    marker: str
    line: Line = "-"
    filled: bool = True


def looks(labels: pd.DataFrame) -> dict[str, Look]:
    """The look of each label in a table with columns label and method, in the order of the legend.

    A label that is not its method's own name is a variant: the method's colour and marker, hollow, on a broken line.
    """
    order = list(METHODS)
    pairs = sorted(
        set(zip(labels["label"], labels["method"], strict=True)),
        key=lambda pair: (order.index(pair[1]) if pair[1] in order else len(order), pair[0] != pair[1], pair[0]),
    )
    found: dict[str, Look] = {}
    variants: dict[str, int] = {}
    for label, method in pairs:
        look = Look(*METHODS.get(method, OTHER))
        if label != method:
            count = variants[method] = variants.get(method, -1) + 1
            look = replace(look, line=VARIANT_LINES[count % len(VARIANT_LINES)], filled=False)
        found.setdefault(label, look)
    return found


def new_figure() -> tuple[Figure, Axes]:
    """An empty figure of one column's width, drawn by Agg and unknown to pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.tick_params(labelsize=FONT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def plot_points(axes: Axes, x: npt.ArrayLike, points: pd.DataFrame, look: Look, line: str = "none") -> None:
    """Points at `x` (K,) with their intervals; `points` has error, low, high (K,) as fractions, drawn in %."""
    error, low, high = (100 * points[column].to_numpy(dtype=float) for column in ("error", "low", "high"))
    axes.errorbar(
        np.asarray(x, dtype=float),
        error,
        yerr=np.stack([np.clip(error - low, 0, None), np.clip(high - error, 0, None)]),
        color=look.colour,
        marker=look.marker,
        markerfacecolor=look.colour if look.filled else "white",
        markersize=4.5,
        linestyle=line,
        linewidth=1.1,
        elinewidth=0.8,
        capsize=1.8,
        capthick=0.8,
    )


def name_ticks(axes: Axes, values: Sequence[int]) -> None:
    """Mark exactly these values on the horizontal axis, in plain digits."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axes.xaxis.set_major_locator(FixedLocator([float(value) for value in values]))
    axes.xaxis.set_major_formatter(FixedFormatter([str(value) for value in values]))
    axes.xaxis.set_minor_locator(NullLocator())


def log_percent(axes: Axes, low: float, high: float) -> None:
    """A logarithmic vertical axis in % that covers low..high (in %), marked at 1, 2, 5 of each decade."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axes.set_yscale("log")
    axes.set_ylim(low / 1.15, min(high * 1.15, 105))
    marks = [step * 10.0**decade for decade in range(-3, 3) for step in (1, 2, 5) if step * 10.0**decade <= 100]
    axes.yaxis.set_major_locator(FixedLocator(marks))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{mark:g}" for mark in marks]))
    axes.yaxis.set_minor_locator(NullLocator())


def name_axes(axes: Axes, x: str, y: str = "test error in %") -> None:
    """Say what the axes show, with units."""
    axes.set_xlabel(x, fontsize=FONT + 1)
    axes.set_ylabel(y, fontsize=FONT + 1)


def add_legend(figure: Figure, entries: Sequence[tuple[Look, str]]) -> None:
    """A legend above the axes, where it hides no point; the figure grows by its height."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=look.colour,
            marker=look.marker,
            markerfacecolor=look.colour if look.filled else "white",
            markersize=4.5,
            linestyle=look.line,
            linewidth=1.1,
        )
        for look, _ in entries
    ]
    figure.set_figheight(HEIGHT + 0.14 * math.ceil(len(entries) / 2))
    figure.legend(
        handles,
        [text for _, text in entries],
        loc="outside upper center",
        ncols=2,
        fontsize=FONT - 1,
        frameon=False,
        columnspacing=1.2,
        handlelength=2.2,
    )
