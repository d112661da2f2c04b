"""Every answer that an endpoint gave, by the hash of its request: an append-only JSONL file.

A line is written as soon as its answer is there, so a process may die at any moment: the next one requests the missing
answers. A last line without its line break was cut by such a death and is dropped. Failed requests are recorded, too,
and sent again by the next run. Tries that may have been billed and whose answer is lost (the process was killed, or no
readable answer came) have a line with their maximum usage, which counts against the budget.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from synth_scaling.system.files import append_line
from synth_scaling.teaching.budget import most_usage
from synth_scaling.teaching.in_flight import InFlight
from synth_scaling.teaching.records import Answer, Request, Usage


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
            self._answers, self._lost = _read(path)
            self._in_flight = InFlight(path.with_suffix(".in_flight.jsonl"))
            self.cut = self._count_cut()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._in_flight.close()
        self._lock.release()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, request: Request) -> Answer | None:
        return self._answers.get(request.key)

    @property
    def usage(self) -> Usage:
        """The usage of all answers and lost tries, including earlier runs."""
        return sum((answer.usage for answer in self._answers.values()), self.lost)

    @property
    def lost(self) -> Usage:
        """The maximum usage of the tries that may have been billed without an answer."""
        return sum(self._lost.values(), Usage())

    @property
    def n_lost(self) -> int:
        return len(self._lost)

    @property
    def n_in_flight(self) -> int:
        return len(self._in_flight.tries)

    def start(self, request: Request, most: Usage) -> str:
        """Write ahead that a try of `request` is about to be sent; returns the name of the try."""
        return self._in_flight.start(request.key, most)

    def end(self, attempt: str, lost: Usage) -> None:
        """A try failed; `lost` is the usage that may have been billed for it."""
        if lost.total:
            self._add_lost(attempt, lost)
        self._in_flight.end(attempt)

    def add(self, request: Request, answer: Answer, attempt: str | None = None) -> None:
        """Write an answer, which ends the try that gave it."""
        self._append(request, {"answer": asdict(answer)})
        self._answers[request.key] = answer
        if attempt is not None:
            self._in_flight.end(attempt)

    def add_failure(self, request: Request, reason: str) -> None:
        self._append(request, {"error": reason})

    def _count_cut(self) -> Usage:
        """The maximum usage of the tries that were in flight when an earlier process was killed; counts them as lost.

        Of a request with an answer, the last try gave it and only its end is missing in the file.
        """
        cut = []
        for attempt, line in self._in_flight.tries.items():
            if attempt not in self._lost and line.key not in self._answers and line.most is not None:
                self._add_lost(attempt, line.most)
                cut.append(line.most)
        self.n_cut = len(cut)
        self._in_flight.tries.clear()
        self._in_flight.close()
        return sum(cut, Usage())

    def _add_lost(self, attempt: str, lost: Usage) -> None:
        append_line(self.path, json.dumps({"key": "", "try": attempt, "lost": asdict(lost)}))
        self._lost[attempt] = lost

    def _append(self, request: Request, outcome: Mapping[str, Any]) -> None:
        line = {"key": request.key, "sample": request.sample, **outcome, "request": request.body}
        append_line(self.path, json.dumps(line))  # the system holds it: the death of this process does not lose it


def _read(path: Path) -> tuple[dict[str, Answer], dict[str, Usage]]:
    """The answers by key, and the usage of lost tries by name. A torn last line is cut off the file."""
    answers: dict[str, Answer] = {}
    lost: dict[str, Usage] = {}
    if not path.exists():
        path.touch()
        return answers, lost
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            record = json.loads(line)
            key, answer = str(record["key"]), record.get("answer")
            if answer is not None:
                answers[key] = msgspec.convert({**answer, "usage": asdict(_usage(record))}, Answer)
            if "lost" in record:
                lost[str(record["try"])] = msgspec.convert(record["lost"], Usage)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, msgspec.ValidationError):
            raise ValueError(f"{path}:{number}: not a line of a journal; remove the line to ask again") from None
    return answers, lost


def _usage(record: Mapping[str, Any]) -> Usage:
    """The usage of a journal's answer; the request's maximum if an early version has written a negative one."""
    usage = msgspec.convert(record["answer"]["usage"], Usage)
    if min(usage.input, usage.output) >= 0:
        return usage
    body = record["request"]
    return most_usage(Request(body), max(body.get(key, 0) for key in ("max_tokens", "max_completion_tokens")))
