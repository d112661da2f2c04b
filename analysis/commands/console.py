"""Printing of tables and of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def print_json(value: Any) -> None:
    """Print `value` as indented JSON. Raises ValueError for NaN and infinities, which JSON does not have."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_tables(tables: Iterable[Any], width: int = 140) -> None:
    """Print rich tables; `width` columns wide where the output is not a terminal."""
    from rich.console import Console

    # In a pipe or a file rich assumes 80 columns and would cut the numbers.
    console = Console(width=None if sys.stdout.isatty() else width)
    for table in tables:
        console.print(table)
