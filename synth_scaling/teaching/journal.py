"""Every answer that an endpoint gave, by the hash of its request: an append-only JSONL file.

A line is written as soon as its answer is there, so a process may die at any moment: the next one requests the missing
answers. A last line without its line break was cut by such a death and is dropped. Failed requests are recorded, too,
and sent again by the next run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from synth_scaling.core.hashing import content_hash


@dataclass(frozen=True)
class Usage:
    """Tokens as the endpoint counts, and bills, them."""

    input: int = 0
    output: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input + other.input, self.output + other.output)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.input - other.input, self.output - other.output)

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True)
class Request:
    """One chat completion: the body as it is sent, and which of several samples of it this is."""

    body: Mapping[str, Any]  # model, messages, sampling parameters
    sample: int = 0

    @property
    def key(self) -> str:
        return content_hash({"body": self.body, "sample": self.sample})


@dataclass(frozen=True)
class Answer:
    """An endpoint's answer. `text` is empty where the endpoint withheld it."""

    text: str
    finished: bool  # ended by itself, not at the length limit
    model: str  # as the endpoint names it
    usage: Usage


class Journal:
    """The answers in `path`, which belongs to this process until it is closed."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError naming the file, and the line if one is damaged, or that another process holds it."""
        self.path = path
        self._lock = FileLock(f"{path}.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"{path}: another process is writing it") from None
        try:
            self._answers = _read(path)
            self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 (closed by __exit__)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._lock.release()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, request: Request) -> Answer | None:
        return self._answers.get(request.key)

    @property
    def usage(self) -> Usage:
        """The usage of all answers, including earlier runs."""
        return sum((answer.usage for answer in self._answers.values()), Usage())

    def add(self, request: Request, answer: Answer) -> None:
        self._answers[request.key] = answer
        self._append(request, {"answer": asdict(answer)})

    def add_failure(self, request: Request, reason: str) -> None:
        self._append(request, {"error": reason})

    def _append(self, request: Request, outcome: Mapping[str, Any]) -> None:
        line = {"key": request.key, "sample": request.sample, **outcome, "request": request.body}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()  # the system holds it now: the death of this process does not lose it


def _read(path: Path) -> dict[str, Answer]:
    """The answers by key. A torn last line is cut off the file."""
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    answers = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            record = json.loads(line)
            key, answer = str(record["key"]), record.get("answer")
            if answer is not None:
                answers[key] = Answer(**{**answer, "usage": Usage(**answer["usage"])})
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValueError(f"{path}:{number}: not a line of a journal; remove the line to ask again") from None
    return answers
