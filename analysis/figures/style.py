"""The style of figures: one colour and marker per method in all of them, and axes whose ticks are the sizes run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.arrays import Floats
from analysis.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Width = Literal["column", "page"]
WIDTHS: dict[Width, float] = {"column": 3.25, "page": 6.75}  # inches, of a column and of a page of a paper
HEIGHT = 2.5  # inches; the legend comes on top
FONT = 8  # points, of all text, at either width
CHARACTER = 0.062  # inches: about the mean width of a character of that size
SPARSE_STEPS = ((1,), (1, 3))  # of small panels
TICK_STEPS = ((1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(0.5 * half for half in range(2, 20)))
MARKER = 4.5
THIN, LINE = 0.8, 1.1
BAND = 0.13  # opacity


LineStyle = Literal["-", "--", ":", "-.", "none"] | tuple[float, tuple[float, ...]]
LONG: LineStyle = (0, (7.0, 2.0))
DOTS: LineStyle = (0, (4.0, 1.0, 1.0, 1.0, 1.0, 1.0))
MIXED: LineStyle = (0, (8.0, 1.5, 2.0, 1.5))

# Colour, marker and line per method, in the order of legends. Okabe and Ito's colours, which colour-blind readers can
# distinguish, and more. Two methods whose colours look alike in grey or under deuteranopia have different lines; all
# have different markers.
METHODS: dict[str, tuple[str, str, LineStyle]] = {
    "sft": ("#000000", "o", "-"),
    "rft": ("#E69F00", "s", "-."),
    "rft_filtered": ("#56B4E9", "P", DOTS),
    "dpo": ("#D55E00", "v", DOTS),
    "dpo_edit_distance": ("#7F7F7F", "X", "-."),
    "step_dpo": ("#0072B2", "^", "-"),
    "full_step_dpo": ("#117733", "$W$", "--"),
    "step_sft": ("#009E73", "D", "--"),
    "rejected_only": ("#882255", "<", "-"),
    "advantage_weighted": ("#CC79A7", "p", LONG),
    "reinforce": ("#332288", "H", ":"),
    "topr": ("#44AA99", "*", MIXED),
    "nft": ("#661100", ">", "--"),
    "step_reinforce": ("#999933", "d", ":"),
    "unlikelihood": ("#6699CC", "8", "-"),
    "kto": ("#DDAA33", "h", "--"),
}
# For methods that are not in METHODS. The numbers of colours and markers have no common factor, so the first 35 differ.
OTHER_COLOURS = ("#5B4636", "#7B3294", "#1B7837", "#A6611A", "#2C7FB8", "#C51B7D", "#66A61E")
OTHER_MARKERS = ("$A$", "$B$", "$C$", "$E$", "$F$")
VARIANT_LINES: tuple[LineStyle, ...] = ("--", ":", "-.", "-")
Axis = Literal["x", "y"]


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one label."""

    colour: str
    marker: str
    line: LineStyle = "-"
    filled: bool = True


REFERENCE = Look(METHODS["sft"][0], "none", "--")


def look_of(method: str, methods: Iterable[str] = ()) -> Look:
    """The look of a method; one that is not in METHODS is styled by its place among such methods in `methods`."""
    if method in METHODS:
        return Look(*METHODS[method])
    place = sorted({method, *methods} - METHODS.keys()).index(method)
    return Look(OTHER_COLOURS[place % len(OTHER_COLOURS)], OTHER_MARKERS[place % len(OTHER_MARKERS)])


def display_name(label: str) -> str:
    r"""`plain_name` of a label for matplotlib: a dollar sign is written \$, so that it reads no formula."""
    return plain_name(label).replace("$", r"\$")


def plain_name(label: str) -> str:
    """A label for readers: "per-step DPO, no NLL" for "step_dpo, no NLL"; one without a known method is unchanged.

    Titles stand in the methods' files. Control characters are written as Python writes them. Raises InputError for a
    plugin that cannot be imported.
    """
    from synth_scaling.core.terminal import printable
    from synth_scaling.core.validation import ConfigError
    from synth_scaling.methods import METHODS as known

    method, comma, variant = label.partition(",")
    try:
        title = known[method].title if method in known else ""
    except ConfigError as error:
        raise InputError(str(error)) from error
    return printable((title or method) + comma + variant)


def looks(labels: pd.DataFrame, methods: Iterable[str] = ()) -> dict[str, Look]:
    """The look of each label in a table with columns label and method, in the order of the legend.

    A label that is not the name of its method is a variant: the method's colour and marker, hollow, on a broken line.
    `methods` are all methods of the study, so that one outside METHODS has the same look in every figure.
    """
    order = list(METHODS)
    known = {*methods, *labels["method"]}
    pairs = sorted(
        set(zip(labels["label"], labels["method"], strict=True)),
        key=lambda pair: (
            order.index(pair[1]) if pair[1] in order else len(order),
            pair[1],
            pair[0] != pair[1],
            pair[0],
        ),
    )
    styles: dict[str, Look] = {}
    variants: dict[str, int] = {}
    for label, method in pairs:
        look = look_of(method, known)
        if label != method:
            count = variants[method] = variants.get(method, -1) + 1
            lines = [line for line in VARIANT_LINES if line != look.line]
            look = replace(look, line=lines[count % len(lines)], filled=False)
        styles.setdefault(label, look)
    return styles


def new_figure(width: Width, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """An empty figure with one panel; `height` in inches."""
    figure = empty_figure(width, height)
    return figure, finish_axes(figure.add_subplot())


def empty_figure(width: Width, height: float = HEIGHT) -> Figure:
    """A figure without axes, drawn by Agg and unknown to pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTHS[width], height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def finish_axes(axes: Axes, title: str = "") -> Axes:
    """Apply the style that all axes share, and return them."""
    axes.tick_params(labelsize=FONT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    if title:
        axes.set_title(title, fontsize=FONT, loc="left")
    return axes


def percents(points: pd.DataFrame, value: str = "error") -> Floats:
    """(K, 3) a table's value, low and high, which are fractions, in %."""
    return np.asarray(100 * points[[value, "low", "high"]].to_numpy(dtype=float))


def plot_points(axes: Axes, x: npt.ArrayLike, points: pd.DataFrame, look: Look, line: LineStyle = "none") -> None:
    """Points at `x` (K,) with their intervals; `points` has error, low, high (K,) as fractions, drawn in %."""
    plot_intervals(axes, x, percents(points), look, line)


def plot_intervals(
    axes: Axes, places: npt.ArrayLike, values: Floats, look: Look, line: LineStyle = "none", along: Axis = "y"
) -> None:
    """Points at `places` (K,) with intervals: values (K, 3) are the point and the low and high end of its interval.

    They lie along the vertical axis, or along the horizontal one in a dot plot.
    """
    place, (value, low, high) = np.asarray(places, dtype=float), values.T
    reach = np.stack([np.clip(value - low, 0, None), np.clip(high - value, 0, None)])
    axes.errorbar(
        place if along == "y" else value,
        value if along == "y" else place,
        xerr=reach if along == "x" else None,
        yerr=reach if along == "y" else None,
        color=look.colour,
        marker=look.marker,
        markerfacecolor=look.colour if look.filled else "white",
        markersize=MARKER,
        linestyle=line,
        linewidth=LINE,
        elinewidth=THIN,
        capsize=1.8,
        capthick=THIN,
    )


def plot_dots(axes: Axes, points: pd.DataFrame, styles: Mapping[str, Look], name_width: int = 40) -> None:
    """A dot plot: one line per label of `styles`, from the top down; `points` has label, error, low, high.

    Errors are fractions, drawn in %. Names are folded at `name_width` characters.
    """
    labels = list(styles)
    for label, line in points.groupby("label"):
        places = [labels.index(str(label))] * len(line)
        plot_intervals(axes, places, percents(line), styles[str(label)], along="x")
    wrapped = [fill(display_name(label), name_width) for label in labels]
    name_ticks(axes, range(len(labels)), "y", wrapped)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", labelsize=FONT, length=0)


def plot_reference(axes: Axes, points: pd.DataFrame, along: Axis = "y") -> None:
    """A reference line across the axes at each error of `points`, with a band for its interval.

    Errors are fractions, drawn in %, along the vertical or the horizontal axis.
    """
    line, band = (axes.axhline, axes.axhspan) if along == "y" else (axes.axvline, axes.axvspan)
    for value, low, high in percents(points):
        line(value, color=REFERENCE.colour, linestyle=REFERENCE.line, linewidth=LINE, zorder=1.5)
        band(low, high, color=REFERENCE.colour, alpha=BAND, linewidth=0, zorder=1)


def name_ticks(axes: Axes, values: Sequence[float], axis: Axis = "x", texts: Sequence[str] | None = None) -> None:
    """Mark exactly these values on an axis, in plain digits or with these texts."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    named = axes.xaxis if axis == "x" else axes.yaxis
    named.set_major_locator(FixedLocator([float(value) for value in values]))
    named.set_major_formatter(FixedFormatter(list(texts) if texts else [f"{value:.12g}" for value in values]))
    named.set_minor_locator(NullLocator())


def name_sizes(axes: Axes, sizes: Iterable[float], inches: float) -> None:
    """Mark exactly these values on a logarithmic horizontal axis; of labels that would overlap every second one stays.

    `inches` is the width of the axes.
    """
    marks = sorted(set(sizes))
    low, high = np.log(axes.get_xlim())
    for step in (1, 2, 3, 4, 8):
        texts = [f"{mark:.12g}" if place % step == 0 else "" for place, mark in enumerate(marks)]
        ends = [
            ((np.log(mark) - low) / (high - low) * inches, CHARACTER * (len(text) + 1.2) / 2)
            for mark, text in zip(marks, texts, strict=True)
            if text
        ]
        if all(right - left >= before + after for (left, before), (right, after) in pairwise(ends)):
            break
    name_ticks(axes, marks, texts=texts)


def log_ticks(axes: Axes, low: float, high: float, axis: Axis = "y", suffix: str = "", sparse: bool = False) -> None:
    """A logarithmic axis that covers low..high, marked at 1, 2, 5 of each decade, or more closely where it is short.

    With `sparse` fewer marks will do, of a small panel.
    """
    (axes.set_yscale if axis == "y" else axes.set_xscale)("log")
    (axes.set_ylim if axis == "y" else axes.set_xlim)(low, high)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in (*SPARSE_STEPS, *TICK_STEPS) if sparse else TICK_STEPS:
        marks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(marks) >= 3:
            break
    name_ticks(axes, marks, axis, [f"{mark:g}{suffix}" for mark in marks])


def log_percent(axes: Axes, points: pd.DataFrame, sparse: bool = False) -> None:
    """A logarithmic vertical axis in % that holds the errors of a table and their intervals (as fractions).

    It ends at a quarter of the lowest error: an interval that goes on, as that of two runs of which one failed, is cut.
    """
    seen = percents(points)
    room = 2 if (seen == 0).any() else 1  # of a cell without errors only the upper end of its interval is visible
    shown = np.where(seen[:, 0] > 0, seen[:, 0] / 4, seen[:, 2])
    lowest = max(seen[seen > 0].min(), shown.min())
    log_ticks(axes, lowest / room / 1.15, min(seen.max() * 1.15, 105), sparse=sparse)


def name_axes(axes: Axes, x: str, y: str) -> None:
    """Label the axes, with units."""
    axes.set_xlabel(x, fontsize=FONT)
    axes.set_ylabel(y, fontsize=FONT)


def add_legend(figure: Figure, entries: Sequence[tuple[Look, str]], columns: int = 2) -> None:
    """Add a legend above the axes, where it hides no point; the figure grows by its height.

    It has up to `columns` columns, and fewer until it is no wider than the figure.
    """
    handles, texts = [_handle(look) for look, _ in entries], [text for _, text in entries]
    for count in range(columns, 0, -1):
        legend = figure.legend(
            handles,
            texts,
            loc="outside upper center",
            ncols=count,
            fontsize=FONT,
            frameon=False,
            columnspacing=1.2,
            handlelength=2.6,
            borderpad=0.2,
        )
        if count == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    figure.set_figheight(figure.get_figheight() + 0.15 * math.ceil(len(entries) / count))


def _handle(look: Look) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=look.colour,
        marker=look.marker,
        markerfacecolor=look.colour if look.filled else "white",
        markersize=MARKER,
        linestyle=look.line,
        linewidth=LINE,
    )
