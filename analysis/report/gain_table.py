"""The gains of `analysis.study.gains` for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from analysis.data.rounds import RoundKey
from analysis.study.gains import Gain


def gain_table(gains: Sequence[Gain], error: str) -> Table:
    """One row per contrast: its part, the two cells, and the points of test error that the part saves."""
    table = Table(title=f"What saves test error ({error}), in points, with 95 % paired intervals")
    table.caption = (
        "gain: error without the part minus error with it. For a label with one round of as many samples in all, "
        "rounds = samples + freshness"
    )
    for column in ("part", "with", "without"):
        table.add_column(column)
    for column in ("N", "gain", "interval", ""):
        table.add_column(column, justify="right")
    part = None
    for line in gains:
        contrast = line.contrast
        if part not in (None, contrast.part):
            table.add_section()
        part = contrast.part
        interval = f"[{100 * line.low:+.1f}, {100 * line.high:+.1f}]"
        cells = [escape(_name(key)) for key in (contrast.having, contrast.lacking)]
        numbers = [str(contrast.having[1]), f"{100 * line.gain:+.1f}", escape(interval), line.verdict]
        table.add_row(part, *cells, *numbers)
    return table


def _name(key: RoundKey) -> str:
    label, _, number = key
    return f"{label}, round {number}"
