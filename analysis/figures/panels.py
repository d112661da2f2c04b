"""Small multiples: one panel per label, each beside the baseline, so that no label's points hide another's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import count, product
from string import ascii_lowercase
from textwrap import fill
from typing import TYPE_CHECKING

from analysis.defaults import BASELINE
from analysis.figures.style import CHARACTER, FONT, WIDTHS, Look, Width, display_name, empty_figure, finish_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS: Mapping[Width, int] = {"column": 2, "page": 4}
ROW = 1.35  # inches
EDGES = 0.62  # inches: axis names and tick labels beside all panels


def letter_panels(panels: Sequence[Axes]) -> None:
    """Put a bold letter before the left title of each panel; a single panel gets none."""
    if len(panels) > 1:
        for letter, axes in zip(_letters(), panels, strict=False):
            title = axes.get_title(loc="left")
            axes.set_title(rf"$\mathbf{{{letter}}}$  {title}".rstrip(), fontsize=FONT, loc="left")


def panels_beside_baseline(
    styles: Mapping[str, Look],
    width: Width,
    draw: Callable[[Axes, str], str],
    entries: Sequence[tuple[Look, str]] = (),
    reference: str | None = BASELINE,
) -> tuple[Figure, list[Axes]]:
    """A figure with a panel per label of `styles` but the baseline, all on the same axes, and a legend.

    `draw` draws a label into axes and returns a line for the panel's title. It is also called for the baseline in every
    panel, where it is black behind the label; without another label the baseline has the only panel. `reference` names
    the baseline; None for a figure without it.
    """
    labels = [label for label in styles if label != reference] or list(styles)
    columns = min(COLUMNS[width], len(labels))
    rows = math.ceil(len(labels) / columns)
    figure = empty_figure(width, rows * (ROW if len(labels) > 1 else 2.2) + EDGES)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels, inches = [], panel_inches(width, columns)
    for place, (row, column) in enumerate(product(range(rows), range(columns))):
        axes = grid[row][column]
        if place >= len(labels):
            axes.remove()
            continue
        finish_axes(axes)
        if reference in styles and reference != labels[place]:
            draw(axes, str(reference))
        note = draw(axes, labels[place])
        name = fill(display_name(labels[place]), max(8, int(inches / CHARACTER) - 3))
        axes.set_title(f"{name}\n{note}" if note else name, fontsize=FONT, loc="left")
        axes.tick_params(labelbottom=place + columns >= len(labels), labelleft=column == 0)
        panels.append(axes)
    letter_panels(panels)
    return figure, panels


def panel_inches(width: Width, columns: int) -> float:
    """About how wide a panel is, in inches."""
    return (WIDTHS[width] - EDGES) / columns - 0.1


def name_shared_axes(figure: Figure, x: str, y: str, width: Width, note: str = "") -> None:
    """Name the axes of all panels once; `note` explains symbols, below."""
    lines = int((WIDTHS[width] - 0.1) / CHARACTER)
    figure.supxlabel("\n".join([x, *([fill(note, lines)] if note else [])]), fontsize=FONT)
    figure.supylabel(y, fontsize=FONT)


def _letters() -> map[str]:
    """a, b, ..., z, a1, b1, ..."""
    return map(lambda place: ascii_lowercase[place % 26] + ("" if place < 26 else str(place // 26)), count())
