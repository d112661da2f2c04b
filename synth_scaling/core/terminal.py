"""Printing of text from outside: labels, errors, answers and paths, which may hold anything.

Control characters would move the cursor, recolour or retitle the terminal, or reverse the order of what follows; rich
reads brackets as markup. Everything that a command prints passes through :func:`say` or :func:`printable`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import IO

# C0 and C1 controls but tab and line feed; characters that reorder or end lines; surrogates, which have no encoding.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    r"""`text` with control characters as Python writes them, for example \x1b for an escape."""
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], str(text))


def literal(text: object) -> str:
    """`text` as rich markup that shows it unchanged but for control characters."""
    from rich.markup import escape  # slow

    return escape(printable(text))


def say(*values: object, file: IO[str] | None = None, end: str = "\n", flush: bool = False) -> None:
    """Print `values` as :func:`printable` text. A reader that has gone away (`| head`) does not end a computation."""
    try:
        print(*map(printable, values), file=file, end=end, flush=flush)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, (file or sys.stdout).fileno())  # for all that follows, and the flush at the end
        os.close(nowhere)


class LogFormatter(logging.Formatter):
    """Formats a log record as printable text."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))
