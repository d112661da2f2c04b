"""The study's figures, by name. Matplotlib is imported when a figure is drawn, not before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures import error_against_n, error_against_positives
from analysis.figures.saving import MissingRunsError, save
from analysis.rows import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, Callable[[Results], Figure]] = {
    "error_against_n": error_against_n.draw,
    "error_against_positives": error_against_positives.draw,
}
# What each figure shows, as a table: saved beside it.
POINTS: dict[str, Callable[[Results], pd.DataFrame]] = {
    "error_against_n": error_against_n.points,
    "error_against_positives": error_against_positives.points,
}


def draw_all(results: Results, out: Path) -> Iterator[str]:
    """Draw every figure whose runs are there into `out`, yielding one line about each.

    Raises:
        InputError: rows that cannot be drawn together (several tasks, or one point run twice).
    """
    for name, draw in FIGURES.items():
        try:
            table, figure = POINTS[name](results), draw(results)
        except MissingRunsError as missing:
            yield f"{name}: skipped, {missing}"
            continue
        save(figure, table, out / name)
        yield f"{name}: {out / name}.png, .svg, .csv"
