"""Printing of tables and of JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

FOLDED = 120  # columns; a narrower console prints a table that does not fit row by row
JOINED = 60  # characters; the lines of a shorter cell are joined where it is printed row by row
UNBOUNDED = 100_000  # columns: wider than any table


def print_json(value: Any) -> None:
    """Print `value` as indented JSON. Raises ValueError for NaN and infinities, which JSON does not have."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_tables(tables: Iterable[Any], width: int = 140) -> None:
    """Print rich tables, as wide as the terminal.

    In a pipe or a file they are `width` columns wide, or as wide as the environment variable COLUMNS says. Where there
    are fewer than `FOLDED` columns, a table that is wider is printed row by row, one cell a line: nothing is cut.
    """
    from rich.console import Console

    from synth_scaling.core.terminal import printable

    console = Console(emoji=False, width=None if sys.stdout.isatty() or os.environ.get("COLUMNS") else width)
    for table in tables:
        table.title, table.caption = (text and printable(text) for text in (table.title, table.caption))
        for column in table.columns:
            column.header, column._cells = printable(column.header), [printable(cell) for cell in column.cells]
            column.overflow = "fold"
        needed = console.measure(table, options=console.options.update(width=UNBOUNDED)).maximum
        console.print(_stacked(table) if console.width < min(FOLDED, needed) else table)


def _stacked(table: Any) -> Any:
    """The cells of a table as "column: text" lines, the first column's as the heading of a row; title and note stay."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.rule import Rule
    from rich.text import Text

    def text(markup: Any) -> Text:
        return Text.from_markup(str(markup), emoji=False, overflow="fold")

    columns = [(text(column.header), list(column.cells)) for column in table.columns]
    parts: list[Any] = [Text("")]
    if table.title:
        parts.append(Text.assemble((text(table.title).plain, "bold"), overflow="fold"))
    for place, row in enumerate(table.rows):
        parts.append(Rule(style="dim", characters="-"))
        for number, (header, cells) in enumerate(columns):
            cell = text(cells[place])
            if len(cell.plain) < JOINED and "\n" in cell.plain:
                cell = Text(cell.plain.replace("\n", " "), overflow="fold")
            if not cell.plain.strip() or cell.plain == "-":
                continue
            line = Text.assemble(header, ": " if header.plain else "", cell, overflow="fold")
            line.stylize(row.style or "")
            parts.append(Padding(line, (0, 0, 0, 0 if number == 0 else 2)))
    parts.append(Rule(style="dim", characters="-"))
    if table.caption:
        parts.append(text(table.caption))
    return Group(*parts)
