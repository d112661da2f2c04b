"""Sampled responses of runs, to read: `samples.parquet` beside a run's row, or beside collected rows.

The latter has a column `run`. Runs that finished before such files were written have none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import InputError

FILE = "samples.parquet"
TEXTS = (
    "policy",
    "problem",
    "prompt",
    "solution",
    "answer",
    "pair_side",
    "pair_prefix",
    "pair_chosen",
    "pair_rejected",
)
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in TEXTS),
        ("sample", pa.int64()),
        ("difficulty", pa.int64()),
        ("pass_rate", pa.float64()),
        ("correct", pa.bool_()),
        ("finished", pa.bool_()),
        ("steps", pa.list_(pa.string())),
        ("values", pa.list_(pa.float64())),
        ("first_error", pa.int64()),
        ("true_error", pa.int64()),
        ("board", pa.string()),
        ("walk", pa.list_(pa.int64())),
        ("goal", pa.int64()),
        ("run", pa.string()),
    ]
)


def read_samples(results: Path, runs: Collection[str]) -> pa.Table | None:
    """The samples of these runs in a results folder of either form, by run in the order of `runs`; None without any.

    Columns are those of `SCHEMA`.

    Raises:
        InputError: a file that is no such table.
    """
    tables = list(_tables(results, runs))
    if not tables:
        return None
    table = pa.concat_tables(tables)
    order = {run: place for place, run in enumerate(runs)}
    names = table.column("run").to_pylist()
    return table.take(sorted((i for i, run in enumerate(names) if run in order), key=lambda i: order[names[i]]))


def _tables(results: Path, runs: Collection[str]) -> Iterator[pa.Table]:
    files = {run: path for run in runs if (path := results / "runs" / run / FILE).is_file()}
    for run, path in files.items():
        table = _read(path)
        yield _checked(table.append_column("run", pa.array([run] * len(table), pa.string())), path)
    collected = results / FILE
    if not files and collected.is_file():
        yield _checked(_read(collected), collected)


def _read(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path).read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error


def _checked(table: pa.Table, path: Path) -> pa.Table:
    """The columns of `SCHEMA`; lists, of which a value per step, have the lengths that they must have."""
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: the column {missing[0]!r} is missing")
    for field in SCHEMA:
        try:
            column = table.column(field.name).cast(field.type)
        except pa.ArrowException as error:
            raise InputError(f"{path}: the column {field.name!r}: {str(error).splitlines()[0]}") from error
        table = table.set_column(table.column_names.index(field.name), field, column)
    table = table.select(SCHEMA.names)
    for row in table.select(["steps", "values", "first_error"]).to_pylist():
        steps, values = row["steps"] or [], row["values"] or []
        if values and len(values) != len(steps) + 1:
            raise InputError(f"{path}: a response of {len(steps)} steps has {len(values)} values")
    return table


def write_samples(tables: Sequence[pa.Table], path: Path) -> None:
    """Write tables of `read_samples` as one file: the same bytes for the same samples. Raises OSError."""
    pq.write_table(pa.concat_tables(tables), path, compression="zstd", compression_level=9)
