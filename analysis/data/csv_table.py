"""Columns of a CSV file as numbers; error messages name the line of the file."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from analysis.arrays import Floats
from analysis.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Table:
    """Rows of a CSV file, as text.

    Attributes:
        path: the file, for messages.
        header: the columns' names.
        rows: (K, columns) cells.
        lines: (K,) the line of the file on which each row ends.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def text(self, column: str) -> list[str]:
        """A column's cells (K,). Raises InputError for a column that does not exist."""
        index = self._index(column)
        return [row[index] for row in self.rows]

    def numbers(self, column: str, least: float = -math.inf, above: float = -math.inf) -> Floats:
        """A column as finite numbers (K,), each at least `least` and greater than `above`.

        Raises:
            InputError: no such column, or a cell that is no such number, with its line.
        """
        values = []
        for cell, line in zip(self.text(column), self.lines, strict=True):
            try:
                value = float(cell)
            except ValueError:
                value = math.nan
            if not (math.isfinite(value) and value >= least and value > above):
                bounds = ((above, f" above {above:g}"), (least, f" of at least {least:g}"))
                bound = next((text for end, text in bounds if end > -math.inf), "")
                wanted = f"{column} should be a number{bound}"
                raise InputError(f"{self.path}, line {line}: {wanted}, found {cell.strip()!r}")
            values.append(value)
        return np.array(values)

    def select(self, keep: Sequence[bool]) -> Table:
        """A table of the rows for which `keep` (K,) is true."""
        places = [index for index, wanted in enumerate(keep) if wanted]
        rows, lines = tuple(self.rows[index] for index in places), tuple(self.lines[index] for index in places)
        return replace(self, rows=rows, lines=lines)

    def drop(self, column: str, value: str) -> Table:
        """A table without the rows whose cell in a column equals a value, as text or as a number.

        Raises:
            InputError: no such column, or no such row.
        """
        keep = [not _same(cell, value) for cell in self.text(column)]
        if all(keep):
            raise InputError(f"{self.path}: no row to drop has {value!r} in {column}")
        return self.select(keep)

    def keep(self, column: str, value: str) -> Table:
        """A table of the rows whose cell in a column equals a value, as text or as a number.

        Raises:
            InputError: no such column, or no such row.
        """
        kept = [_same(cell, value) for cell in self.text(column)]
        if not any(kept):
            raise InputError(f"{self.path}: no row to keep has {value!r} in {column}")
        return self.select(kept)

    def _index(self, column: str) -> int:
        if column not in self.header:
            raise InputError(
                f"{self.path}: no column {column!r}{did_you_mean(column, self.header)}; "
                f"there are: {', '.join(self.header)}"
            )
        return self.header.index(column)


def read_csv(path: Path) -> Table:
    """Read a CSV file with a header; blank lines are skipped.

    Raises:
        InputError: no such file, not text in UTF-8, no header or no rows, a repeated column, or a row of another width.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets put a byte order mark first
            reader = csv.reader(file, strict=True)
            numbered = [(row, reader.line_num) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is not a CSV file in UTF-8 ({error})") from error
    if len(numbered) < 2:
        raise InputError(f"{path}: holds no rows below a header")
    header = tuple(name.strip() for name in numbered[0][0])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"{path}: the column {twice[0]!r} appears twice")
    for row, line in numbered[1:]:
        if len(row) != len(header):
            raise InputError(f"{path}, line {line}: {len(row)} cells under {len(header)} columns")
    rows, lines = zip(*((tuple(row), line) for row, line in numbered[1:]), strict=True)
    return Table(path, header, rows, lines)


def _same(cell: str, value: str) -> bool:
    try:
        return float(cell) == float(value)
    except ValueError:
        return cell.strip() == value.strip()
