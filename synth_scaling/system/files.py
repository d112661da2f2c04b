"""Files that are written whole or not at all, and advisory files, which are read leniently.

Advisory files (`made.jsonl`, `stages.jsonl`, `metrics.jsonl`, `failure.json`, …) inform people and forecasts; no result
depends on them. A process may die while it writes one, so an unreadable line is skipped and reported once.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

log = logging.getLogger("synth_scaling")

T = TypeVar("T")
LOCKED = 5.0  # seconds; an owner that holds a file's lock for longer is stopped
_TEMPORARY = re.compile(r"\..+\.(?P<process>\d+)-[0-9a-f]{8}")  # see temporary_for
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # torn, foreign, or nested beyond reason

_reported: set[tuple[Path, int]] = set()  # unreadable files, by how many of their lines


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` and to the disk; until it is complete it has a temporary name."""
    temporary = temporary_for(path)
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def temporary_for(path: Path) -> Path:
    """A name beside `path` for a file of this process that will replace it, or that was moved out of its place."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")


def left_temporaries(folder: Path, name: str = "*") -> list[Path]:
    """The files with a name of :func:`temporary_for` that killed processes left; `name` is that of their target."""
    left = []
    for path in folder.glob(f".{name}.*"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is not None and not psutil.pid_exists(int(match["process"])):
            left.append(path)
    return left


def append_line(path: Path, line: str) -> None:
    """Append one line, whole or not at all; lines of several processes do not mix.

    A line that a killed process left unfinished is ended first. Raises OSError (a full disk, say) with the file as it
    was before.
    """
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        with _locked(handle):
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            data = memoryview((b"\n" if torn else b"") + line.encode() + b"\n")
            try:
                while data:
                    data = data[os.write(handle, data) :]
            except BaseException:
                os.ftruncate(handle, size)
                raise
    finally:
        os.close(handle)


@contextmanager
def _locked(handle: int) -> Iterator[None]:
    """Hold the file's advisory lock, on file systems that have locks."""
    try:
        _lock(handle)
    except OSError:  # not on this file system, or held by a stopped process: single writes of O_APPEND do not mix
        yield
        return
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


def _lock(handle: int) -> None:
    """Lock the file, as soon as its owner lets go. Raises OSError if that takes longer than a line can take."""
    end = time.monotonic() + LOCKED
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.005)


def read_advisory(path: Path, kind: type[T]) -> T | None:
    """The JSON object in `path` as a dataclass; None if there is no such file, or no such object in it (reported once).

    Unknown fields are ignored: a newer version may have written them.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError:
        return None
    except UNREADABLE:
        _report(path, 1, "cannot be read and is ignored")
        return None


def read_advisory_lines(path: Path, kind: type[T]) -> list[T]:
    """The complete lines of `path` as dataclasses; lines that are no such object are skipped and reported once.

    An empty list if there is no such file. The last line may still be growing: without its line end it is left out.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return []
    decoder, values, unreadable = msgspec.json.Decoder(kind), [], 0
    for line in data[: data.rfind(b"\n") + 1].split(b"\n"):
        if line.strip():
            try:
                values.append(decoder.decode(line))
            except UNREADABLE:
                unreadable += 1
    if unreadable:
        _report(path, unreadable, f"has {unreadable} unreadable lines, which are skipped")
    return values


def _report(path: Path, count: int, words: str) -> None:
    if (path, count) not in _reported:
        _reported.add((path, count))
        log.warning("%s %s", path, words)


def sync(path: Path) -> None:
    """Flush a file's content to the disk; of a folder, the names in it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
