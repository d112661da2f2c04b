"""Printing of tables and of JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any


def print_json(value: Any) -> None:
    """Print `value` as indented JSON. Raises ValueError for NaN and infinities, which JSON does not have."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_tables(tables: Iterable[Any], width: int = 140) -> None:
    """Print rich tables, as wide as the terminal.

    In a pipe or a file they are `width` columns wide, or as wide as the environment variable COLUMNS says.
    """
    from rich.console import Console

    from synth_scaling.core.terminal import printable

    console = Console(emoji=False, width=None if sys.stdout.isatty() or os.environ.get("COLUMNS") else width)
    for table in tables:
        table.title, table.caption = (text and printable(text) for text in (table.title, table.caption))
        for column in table.columns:
            column.header, column._cells = printable(column.header), [printable(cell) for cell in column.cells]
        console.print(table)
