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

    console = Console(width=None if sys.stdout.isatty() or os.environ.get("COLUMNS") else width)
    for table in tables:
        console.print(table)
