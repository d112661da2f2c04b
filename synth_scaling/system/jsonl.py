"""Files of questions or responses: JSON Lines, also gzipped, and Parquet. Errors name file, line and field."""

from __future__ import annotations

import base64
import datetime
import functools
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.system.files import temporary_for

SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")
WRITTEN = (".jsonl", ".jsonl.gz")
LONGEST_LINE = 64 << 20  # bytes; a longer line is refused before it fills the memory
MOST_PACKED = 300  # times the size of a gzipped file that its text may have; real responses reach 5 to 20
MOST_UNPACKED = 64 << 20  # bytes of text that a gzipped file may hold, however small it is


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, row) of each row; blank lines are skipped.

    Raises ValueError with one line that names the file, and the line where there is one.
    """
    if not path.is_file():
        beside = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ValueError(f"{path}: no such file{did_you_mean(path.name, beside)}")
    if path.suffix == ".parquet":
        yield from _read_parquet(path)
        return
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            number, read, most = 0, 0, _most_text(path)
            while line := file.readline(LONGEST_LINE + 1):
                number, read = number + 1, read + len(line)
                if len(line) > LONGEST_LINE:
                    raise ValueError(f"{path}:{number}: a line of more than {LONGEST_LINE >> 20} MiB")
                if read > most:
                    raise ValueError(
                        f"{path}:{number}: more than {most >> 20} MiB of text, {MOST_PACKED} times the size of"
                        " the file: no archive of responses packs so tightly"
                    )
                if line.strip():
                    yield number, _read_line(path, number, line)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from None


def _most_text(path: Path) -> int:
    """The most bytes of text that are read from a file, so that a gzip bomb ends in one line."""
    size = path.stat().st_size
    return max(MOST_UNPACKED, MOST_PACKED * size) if path.suffix == ".gz" else max(MOST_UNPACKED, 2 * size)


def text_at(path: Path, number: int, row: dict[str, Any], field: str) -> str:
    """The text of `field`, which reaches into rows in a row by dots. Raises ValueError naming file, line and field."""
    return text_of(path, number, value_at(path, number, row, field), field)


def value_at(path: Path, number: int, row: dict[str, Any], field: str) -> Any:
    """The value of `field`, which reaches into rows in a row by dots. Raises ValueError naming file, line and field."""
    value: Any = row
    for key in [field] if field in row else field.split("."):
        if not isinstance(value, dict) or key not in value:
            there = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
            raise ValueError(f"{path}:{number}: {field}: no such field; there is {there or 'nothing'}"[:400])
        value = value[key]
    return value


def text_of(path: Path, number: int, value: Any, field: str) -> str:
    """`value` if it is text. Raises ValueError naming file, line and field if not."""
    if not isinstance(value, str):
        raise ValueError(f"{path}:{number}: {field}: expected text, found {type(value).__name__}")
    return value


def content_digest(path: Path) -> str:
    """16 hex digits of the SHA-256 of the uncompressed content, independent of the name of the file."""
    return _digest(path, path.stat().st_mtime_ns, path.stat().st_size)


@functools.lru_cache(maxsize=64)
def _digest(path: Path, changed: int, size: int) -> str:
    with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _read_line(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}:{number}: not UTF-8 (byte {error.start + 1})") from None
    except RecursionError:
        raise ValueError(f"{path}:{number}: not JSON that can be read (nested too deeply)") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{number}: not JSON ({error.msg} at character {error.pos + 1})") from None
    except ValueError as error:  # a number of too many digits
        raise ValueError(f"{path}:{number}: not JSON ({error})") from None
    if not isinstance(row, dict):
        raise ValueError(f"{path}:{number}: expected a JSON object, found {type(row).__name__}")
    return row


def _read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]})") from None
    yield from enumerate(rows, start=1)


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before its content is computed. Raises ValueError."""
    there = path.exists()
    try:
        open(path, "ab").close()
        if not there:
            path.unlink()
    except OSError as error:
        raise ValueError(f"{path}: cannot be written ({error.strerror})") from None


def json_line(row: dict[str, Any]) -> str:
    """A row as one line of JSON. Values that Parquet has and JSON does not become text, see :func:`_as_json`.

    ASCII, so that any text can be written, lone surrogates too. Raises ValueError for a value of another type.
    """
    try:
        return json.dumps(row, default=_as_json)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _as_json(value: Any) -> str | float:
    """Dates and times in ISO 8601, time spans in seconds, decimals with all digits, bytes in base64."""
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"a value of type {type(value).__name__} cannot be written as JSON")


def check_output(path: Path, rows: Iterable[tuple[int, dict[str, Any]]], source: Path) -> None:
    """Refuse an output that cannot be written, before any work: the file, or a row of `source`.

    Raises ValueError naming the file, and the row where there is one.
    """
    if not path.name.endswith(WRITTEN):
        raise ValueError(f"{path}: rows are written as JSON Lines; allowed are names that end in {', '.join(WRITTEN)}")
    if path.exists() and path.samefile(source):
        raise ValueError(f"{path}: is the input, which would be lost")
    check_writable(path)
    for number, row in rows:
        try:
            json_line(row)
        except ValueError as error:
            raise ValueError(f"{source}:{number}: {error}") from None


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write `rows` as JSON Lines, gzipped if the name ends in .gz; the file is replaced whole or not at all.

    Raises ValueError if it cannot be written.
    """
    temporary = temporary_for(path)
    try:
        with gzip.open(temporary, "wt") if path.suffix == ".gz" else open(temporary, "w") as file:
            for row in rows:
                file.write(json_line(row) + "\n")
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)
