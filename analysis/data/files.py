"""The two forms of result files on disk.

Live:       RESULTS/runs/<hash>/row.json and RESULTS/runs/<hash>/correct.parquet (problem, correct);
            RESULTS/plan.json, if it exists, names the runs that count
Collected:  RESULTS/rows.jsonl, one row per line, and RESULTS/correct.parquet (run, problem, correct)

correct.parquet may hold more columns, which are null in collected files for runs that did not measure them:

pass_rate               the share of correct responses among those that pi_sft, the policy before the method, sampled on
                        that test problem
samples_correct, samples    how many of the policy's samples on that test problem are correct, and how many there are
rounds_correct, rounds_samples_correct      of a run with several rounds, lists of `correct` (0 or 1) and of
                        `samples_correct`, after each round

`analysis.data.samples` reads samples.parquet, which either form may hold: responses as text.
"""

from __future__ import annotations

import gc
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.data.samples import FILE, write_samples
from analysis.errors import InputError, did_you_mean

# The fields that the analysis reads; other fields of a row are kept unchanged.
FIELDS: dict[str, type] = dict.fromkeys(("run", "sweep", "task", "method", "label", "figure"), str) | dict.fromkeys(
    ("seed", "problems", "positives", "negatives", "rollouts", "positives_used", "tested", "wrong"), int
)
# Columns of correct.parquet that not every run has.
OPTIONAL = {"pass_rate": pa.float32(), "samples_correct": pa.int32(), "samples": pa.int32()}
OPTIONAL |= {"rounds_correct": pa.list_(pa.int32()), "rounds_samples_correct": pa.list_(pa.int32())}
# Rows are sorted by these fields, whatever order the runs finished in.
ORDER = ("sweep", "task", "figure", "label", "problems", "positives", "seed", "run")


class Samples(NamedTuple):
    """The policy's samples on P test problems.

    Attributes:
        correct: (P,) how many of each problem's samples are correct.
        each: number of samples per problem.
    """

    correct: npt.NDArray[np.int64]
    each: int

    def all_incorrect(self, k: int) -> npt.NDArray[np.float64]:
        """(P,) probability that k of a problem's n = `each` samples, drawn without replacement, are all incorrect.

        C(n - c, k) / C(n, k) with c correct ones; 1 minus it is the unbiased estimate of pass@k for k up to n (Chen et
        al. 2021, arXiv 2107.03374, equation 1).
        """
        factors = [(self.each - self.correct - drawn) / (self.each - drawn) for drawn in range(k)]
        return np.asarray(np.prod(np.maximum(factors, 0.0), axis=0))


class Rounds(NamedTuple):
    """The answers to P test problems after each of R rounds.

    Attributes:
        correct: (R, P) 1 where the greedy response is correct, else 0.
        samples_correct: (R, P) how many of each problem's samples are correct; None without samples.
    """

    correct: npt.NDArray[np.int64]
    samples_correct: npt.NDArray[np.int64] | None


class Run(NamedTuple):
    """One run, read and checked independently of the others."""

    row: dict[str, Any]
    problems: tuple[str, ...]  # test problem ids, sorted; one object for all runs that were read together
    correct: npt.NDArray[np.bool_]  # (P,) answered correctly
    pass_rate: npt.NDArray[np.float64] | None  # (P,) initial pass rates; None if they were not measured
    where: str  # the file (and line) of the row, for messages
    samples: Samples | None = None  # None without evaluation.samples
    rounds: Rounds | None = None  # None for a run with one round


def read(results: Path) -> list[Run]:
    """Every run of a folder in the order of `ORDER`; where both forms are present the live one is read: it is newer.

    Raises:
        InputError: no such folder, no rows, malformed input, a missing field, or answers that contradict the row.
    """
    if not results.is_dir():
        siblings = [path.name for path in results.parent.iterdir()] if results.parent.is_dir() else []
        raise InputError(f"{results}: no such folder{did_you_mean(results.name, siblings)}")
    with _no_garbage():
        runs = _read_live(results)
        if not runs and (results / "rows.jsonl").is_file():
            runs = _read_collected(results)
    if not runs:
        raise InputError(f"{results}: no rows (neither runs/<hash>/row.json nor rows.jsonl)")
    return sorted(runs, key=lambda run: tuple(run.row[field] for field in ORDER))


def write_collected(runs: Iterable[Run], destination: Path, samples: Sequence[pa.Table] = ()) -> None:
    """Write collected files: the same bytes for the same runs in the same order.

    `samples` are tables of `analysis.data.samples`; without any, no file of them remains. All are written beside the
    ones that they replace: on a full disk those remain. Raises OSError.
    """
    destination.mkdir(parents=True, exist_ok=True)
    runs = list(runs)
    lines = [json.dumps(run.row, sort_keys=True, ensure_ascii=False) + "\n" for run in runs]
    columns = {
        "run": pa.array([run.row["run"] for run in runs for _ in run.problems]),
        "problem": pa.array([problem for run in runs for problem in run.problems]),
        "correct": pa.array(np.concatenate([run.correct for run in runs])),
    }
    if any(run.pass_rate is not None for run in runs):
        rates = [np.full(len(run.problems), np.nan) if run.pass_rate is None else run.pass_rate for run in runs]
        columns["pass_rate"] = pa.array(np.concatenate(rates), OPTIONAL["pass_rate"], from_pandas=True)  # nan: null
    if any(run.samples is not None for run in runs):
        for name, place in (("samples_correct", 0), ("samples", 1)):
            counts = [_column(run, place) for run in runs]
            columns[name] = pa.array(np.concatenate(counts), from_pandas=True).cast(OPTIONAL[name])
    for name, place in (("rounds_correct", 0), ("rounds_samples_correct", 1)):
        lists = [_lists(run, place) for run in runs]
        if any(of is not None for of in lists):
            values: list[list[int] | None] = []
            for run, of in zip(runs, lists, strict=True):
                values += [None] * len(run.problems) if of is None else of
            columns[name] = pa.array(values, OPTIONAL[name])
    names = ["rows.jsonl", "correct.parquet", *([FILE] if samples else [])]
    with _beside(*(destination / name for name in names)) as (new_rows, new_answers, *new_samples):
        new_rows.write_text("".join(lines), encoding="utf-8")
        pq.write_table(pa.table(columns), new_answers, compression="zstd")
        for path in new_samples:
            write_samples(samples, path)
    if not samples:
        (destination / FILE).unlink(missing_ok=True)


@contextmanager
def _beside(*paths: Path) -> Iterator[list[Path]]:
    """Temporary names beside `paths`, which replace them when the block has written all of them to disk."""
    temporary = [path.with_name(f".{path.name}.{os.getpid()}") for path in paths]
    try:
        yield temporary
        for path in temporary:
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        for path, final in zip(temporary, paths, strict=True):
            os.replace(path, final)
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)


def _column(run: Run, place: int) -> npt.NDArray[np.float64]:
    """(P,) one of the two columns of samples; NaN without samples."""
    value = np.nan if run.samples is None else run.samples[place]
    return np.broadcast_to(np.asarray(value, dtype=float), len(run.problems))


def _lists(run: Run, place: int) -> list[list[int]] | None:
    """For each problem a list over the rounds, of one of the two columns of rounds; None without them."""
    values = None if run.rounds is None else run.rounds[place]
    return None if values is None else values.T.tolist()


class _Problems:
    """Sorted problem ids, computed once for all runs that were tested on the same ones in the same order.

    `sorted` raises InputError for ids that are not distinct.
    """

    def __init__(self) -> None:
        self.known: list[tuple[pa.Array, tuple[str, ...], npt.NDArray[np.intp]]] = []

    def sorted(self, ids: pa.Array) -> tuple[tuple[str, ...], npt.NDArray[np.intp]]:
        for known, names, order in self.known:
            if ids.equals(known):
                return names, order
        listed = ids.to_pylist()
        order = np.array(sorted(range(len(listed)), key=listed.__getitem__), dtype=np.intp)
        names = tuple(listed[i] for i in order)
        if any(a == b for a, b in pairwise(names)):
            raise InputError("answers a problem twice")
        names = next((others for _, others, _ in self.known if others == names), names)
        self.known.append((ids, names, order))
        return names, order


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Pause garbage collection: rows hold no cycles, and scanning them takes a fifth of the reading time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def not_in_plan(results: Path) -> int:
    """How many finished runs of a folder its plan.json does not name, so that `read` leaves them out.

    Raises InputError for a plan that cannot be read.
    """
    planned = _planned(results)
    finished = {path.parent.name for path in (results / "runs").glob("*/row.json")}
    return 0 if planned is None else len(finished - planned)


def _planned(results: Path) -> set[str] | None:
    """The runs that plan.json names; None without one."""
    plan = results / "plan.json"
    try:
        return {run["name"] for run in json.loads(plan.read_bytes())["runs"]} if plan.is_file() else None
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{plan}: no plan of a sweep ({error}); launch the sweep again, or remove it") from error


def _read_live(results: Path) -> list[Run]:
    """The runs that plan.json names; the folder may also hold runs of earlier settings."""
    planned = _planned(results)
    runs, problems = [], _Problems()
    for path in sorted((results / "runs").glob("*/row.json")):  # a run without row.json is under way or has failed
        if planned is not None and path.parent.name not in planned:
            continue
        row = _row(path.read_bytes(), str(path))
        answers = _answers(path.with_name("correct.parquet"), ["problem", "correct"])
        runs.append(_run(row, answers, problems, str(path)))
    return runs


def _read_collected(results: Path) -> list[Run]:
    answers = _answers(results / "correct.parquet", ["run", "problem", "correct"])
    names = answers.column("run").to_numpy()
    order = np.argsort(names, kind="stable")
    runs_in_file, first = np.unique(names[order], return_index=True)
    parts = dict(zip(runs_in_file, np.split(order, first[1:]), strict=True))
    path, runs, problems = results / "rows.jsonl", [], _Problems()
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            row = _row(line, where)
            runs.append(_run(row, answers.take(parts.get(row["run"], order[:0])), problems, where))
    return runs


def _row(text: str | bytes, where: str) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(text)  # takes half the time of json.loads
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InputError(f"{where}: not valid JSON ({error})") from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected a JSON object, got {type(row).__name__}")
    for field, kind in FIELDS.items():
        if field not in row:
            raise InputError(f"{where}: the field {field!r} is missing")
        if type(row[field]) is not kind:  # exact, since True is an int to isinstance
            raise InputError(f"{where}: the field {field!r} should be {kind.__name__}, found {row[field]!r}")
    if row["problems"] < 1:
        raise InputError(f"{where}: the field 'problems' should be at least 1, found {row['problems']}")
    return row


def _answers(path: Path, columns: list[str]) -> pa.Table:
    """The `columns`, one chunk each, and those of `OPTIONAL`, all null where the file has none."""
    try:
        # Takes a quarter of the time of read_table, and pyarrow is slower at opening a file.
        table = pq.ParquetFile(pa.py_buffer(path.read_bytes()), pre_buffer=False).read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    has = set(table.column_names)
    if not has >= set(columns) or not pa.types.is_boolean(table.schema.field("correct").type):
        raise InputError(f"{path}: expected the columns {', '.join(columns)} with a boolean 'correct'")
    if any(table.column(name).null_count for name in columns):
        raise InputError(f"{path}: holds missing values")
    for name in OPTIONAL:
        if name not in has:
            table = table.append_column(name, pa.nulls(len(table)))
    return table.select([*columns, *OPTIONAL])


def _run(row: dict[str, Any], answers: pa.Table, known: _Problems, where: str) -> Run:
    """Join a row with its answers, which must be to distinct problems and agree with the row's counts."""
    try:
        problems, order = known.sorted(answers.column("problem").combine_chunks())
    except InputError:
        raise InputError(f"{where}: correct.parquet answers a problem of run {row['run']} twice") from None
    correct = answers.column("correct").to_numpy()[order].astype(bool)
    wrong = int(np.count_nonzero(~correct))
    if (row["tested"], row["wrong"]) != (len(correct), wrong) or not problems:
        raise InputError(
            f"{where}: the row counts {row['wrong']} of {row['tested']} incorrect, "
            f"correct.parquet {wrong} of {len(correct)}"
        )
    rates, samples = _pass_rate(row, answers, order, where), _samples(row, answers, order, where)
    return Run(row, problems, correct, rates, where, samples, _rounds(row, answers, order, where))


def _pass_rate(
    row: dict[str, Any], answers: pa.Table, order: npt.NDArray[np.intp], where: str
) -> npt.NDArray[np.float64] | None:
    rates = answers.column("pass_rate")
    if rates.null_count:
        return None
    shares = rates.to_numpy()[order].astype(float)
    if not np.all((shares >= 0) & (shares <= 1)):
        raise InputError(f"{where}: correct.parquet holds a pass_rate outside [0, 1] for run {row['run']}")
    return np.asarray(shares)


def _samples(row: dict[str, Any], answers: pa.Table, order: npt.NDArray[np.intp], where: str) -> Samples | None:
    """The run's samples; every problem must have as many, and they must agree with the row's sampled error."""
    correct, samples = answers.column("samples_correct"), answers.column("samples")
    if correct.null_count or samples.null_count:
        return None
    counts, each = correct.to_numpy()[order].astype(np.int64), np.unique(samples.to_numpy())
    if len(each) > 1 or each[0] < 1 or not np.all((counts >= 0) & (counts <= each[0])):
        raise InputError(
            f"{where}: correct.parquet should hold equally many samples per problem, and at most as many correct ones, "
            f"for run {row['run']}"
        )
    error, stated = 1 - counts.mean() / each[0], row.get("sampled_error")
    if stated is not None and not math.isclose(error, stated, abs_tol=1e-9):
        raise InputError(f"{where}: the row's sampled_error is {stated:g}, that of correct.parquet {error:g}")
    return Samples(counts, int(each[0]))


def _rounds(row: dict[str, Any], answers: pa.Table, order: npt.NDArray[np.intp], where: str) -> Rounds | None:
    """The run's answers after each round, which must agree with the row's `rounds`."""
    if answers.column("rounds_correct").null_count:
        return None
    correct = _by_round(answers, "rounds_correct", order)
    sampled = answers.column("rounds_samples_correct")
    samples = None if sampled.null_count else _by_round(answers, "rounds_samples_correct", order)
    stated = row.get("rounds")
    wrong = [after.get("wrong") for after in stated] if isinstance(stated, list) else None
    if correct is None or (1 - correct).sum(axis=1).tolist() != wrong:
        raise InputError(f"{where}: rounds_correct of correct.parquet differs from the row's rounds, {wrong} incorrect")
    if not sampled.null_count and (samples is None or samples.shape != correct.shape):
        raise InputError(f"{where}: rounds_samples_correct of correct.parquet has not as many rounds as the row")
    return Rounds(correct, samples)


def _by_round(answers: pa.Table, name: str, order: npt.NDArray[np.intp]) -> npt.NDArray[np.int64] | None:
    """(R, P) a column of lists; None if they are not equally long."""
    lists = answers.column(name).to_pylist()
    if len({len(of) for of in lists}) != 1:
        return None
    return np.array(lists, dtype=np.int64)[order].T
