"""Result rows of a W&B project as local files: `python -m analysis pull ENTITY/PROJECT --out DIR`.

A tracked run stores its row in three places: the summary has the row's fields, the configuration is the row's `config`,
and the file of its table `correct` says which test problems it answered correctly. A run that belongs to two sweeps is
two W&B runs with different ids, whose rows differ in the sweep only. Only `fetch` talks to W&B; everything else works
on the `Record`s that it returns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.data.files import FIELDS, OPTIONAL
from analysis.data.results import collect
from analysis.errors import InputError

TABLE = "correct"  # the run's table of problem, correct and, where they were measured, the optional columns
COLUMNS = {"problem": pa.string(), "correct": pa.bool_(), **OPTIONAL}
ELSEWHERE = ("output", "store")  # configuration keys that name folders of the machine and are not part of a row


@dataclass(frozen=True)
class Record:
    """A run as W&B's public API returns it.

    Attributes:
        id, state, config, summary: as of `wandb.Api().run(...)`; a run that succeeded has the state "finished".
        table: the text of the file of its table `correct`, None for a run that is not finished or has no such table.
    """

    id: str
    state: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    table: str | None


def fetch(project: str, group: str | None = None) -> list[Record]:
    """Every run of job type "run" of a project, "entity/name", oldest first.

    Raises:
        InputError: no key, a refused key, no network, no such project.
    """
    import wandb

    from synth_scaling.tracking.wandb_service import close_service

    filters = {"jobType": "run"} | ({"group": group} if group is not None else {})
    try:
        wandb.setup(wandb.Settings(silent=True))
        runs = list(wandb.Api().runs(project, filters=filters, lazy=False))
        with TemporaryDirectory() as folder, ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda run: _download(run, Path(folder) / run.id), runs))
    # Errors of W&B and of its service, and ValueError for a project that does not exist.
    except Exception as error:
        reason = str(error).splitlines() or [type(error).__name__]
        raise InputError(f"W&B, {project}: {reason[0]}") from error
    finally:
        close_service()


def parse(record: Record) -> tuple[dict[str, Any], pa.Table]:
    """The result row of a finished run and its answers, a table with the columns of correct.parquet.

    Raises:
        InputError: a field or a table that is missing or malformed, named with the run's id.
    """
    where = f"W&B run {record.id}"
    row = {key: value for key, value in record.summary.items() if _is_field(key, value)}
    row["config"] = {key: value for key, value in record.config.items() if key not in ELSEWHERE}
    for field, kind in FIELDS.items():
        if field not in row:
            raise InputError(f"{where}: the field {field!r} is missing")
        if kind is int and type(row[field]) is float and row[field].is_integer():
            row[field] = int(row[field])  # W&B stores JSON numbers, which have no integer type
        if type(row[field]) is not kind:
            raise InputError(f"{where}: the field {field!r} should be {kind.__name__}, found {row[field]!r}")
    if not re.fullmatch(r"[\w-]+", row["run"]):
        raise InputError(f"{where}: the field 'run' should be a hash, found {row['run']!r}")
    return row, _answers(record.table, where)


def write(records: Sequence[Record], out: Path) -> int:
    """Write the finished runs' rows to `out` in the collected layout; returns how many there are.

    Raises:
        InputError: no finished run, a run that `parse` refuses, or runs that cannot share a folder, such as the same
            run in two sweeps.
    """
    finished = [record for record in records if record.state == "finished"]
    if not finished:
        raise InputError("no finished runs of job type 'run' in that project and group")
    sweeps: dict[str, str] = {}
    with TemporaryDirectory() as folder:
        for record in finished:
            row, answers = parse(record)
            if row["run"] in sweeps:
                both = f"{sweeps[row['run']]} and {row['sweep']}"
                raise InputError(f"W&B run {record.id}: run {row['run']} is in {both}: name one sweep with --group")
            sweeps[row["run"]] = row["sweep"]
            place = Path(folder) / "runs" / record.id
            place.mkdir(parents=True)
            (place / "row.json").write_text(json.dumps(row), encoding="utf-8")
            pq.write_table(answers, place / "correct.parquet")
        return collect([Path(folder)], out)  # runs the checks that local rows go through


def _download(run: Any, folder: Path) -> Record:
    summary = dict(run.summary_metrics)
    table = None
    if run.state == "finished" and isinstance(summary.get(TABLE), dict):
        with run.file(summary[TABLE]["path"]).download(root=str(folder)) as file:
            table = file.read()
    return Record(run.id, run.state, dict(run.config), summary, table)


def _is_field(key: str, value: Any) -> bool:
    """Whether a key of the summary is a field of the row: not one of W&B's, a point of a curve, or a table."""
    return not (key.startswith("_") or "/" in key or (isinstance(value, dict) and "_type" in value))


def _answers(text: str | None, where: str) -> pa.Table:
    if text is None:
        raise InputError(f"{where}: the table {TABLE!r} is missing")
    try:
        table = json.loads(text)
        columns = {name: [line[place] for line in table["data"]] for place, name in enumerate(table["columns"])}
        arrays = {name: pa.array(columns[name], kind) for name, kind in COLUMNS.items() if name in columns}
    except (LookupError, TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{where}: the table {TABLE!r} cannot be read ({str(error).splitlines()[0]})") from error
    if not {"problem", "correct"} <= set(arrays):
        raise InputError(f"{where}: the table {TABLE!r} should have the columns problem, correct")
    return pa.table(arrays)
