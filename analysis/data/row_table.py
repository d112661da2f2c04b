"""The rows of a results folder as a table of columns, as `fit` and `fit-joint` read CSV files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.data.csv_table import Table
from analysis.data.results import load

PARAMETERS = "parameters"  # of the model, N_params: the weights that a token is multiplied by
BASE = "base"  # the stage that records them


def row_table(folder: Path) -> Table:
    """A table with a row per run: every plain field, `parameters` (N_params), and `failure_at_K`, which is 1 - pass@K.

    A cell that a row lacks is empty. Rows are in the order of collected files, where the line of a row is its place.

    Raises:
        InputError: as `analysis.data.results.load` does.
    """
    rows = [_cells(row) for row in load(folder).rows.to_dict("records")]
    header = tuple(sorted({name for row in rows for name in row}))
    cells = tuple(tuple(row.get(name, "") for name in header) for row in rows)
    return Table(folder, header, cells, tuple(range(1, len(rows) + 1)))


def _cells(row: Mapping[Any, Any]) -> dict[str, str]:
    cells = {str(name): str(value) for name, value in row.items() if isinstance(value, str | int | float)}
    facts, passed = row.get("facts"), row.get("pass_at_k")
    base = facts.get(BASE) if isinstance(facts, Mapping) else None
    if isinstance(base, Mapping) and PARAMETERS in base:
        cells[PARAMETERS] = str(base[PARAMETERS])
    if isinstance(passed, Mapping):
        cells |= {f"failure_at_{k}": repr(1 - float(share)) for k, share in passed.items()}
    return {name: text for name, text in cells.items() if text != "nan"}
