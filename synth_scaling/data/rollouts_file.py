"""Responses that were sampled elsewhere: `data.rollouts_path=FILE`, one response a line, in place of pi_sft's rollouts.

A row has `question` and `response`, and may have `correct` (the sampler's own grade, which is compared with ours and
otherwise ignored), `finished` (false for a response that was cut at a length limit) and `tokens` (its token ids, used
if the run's tokenizer decodes them to `response`: a sampler may have split the text otherwise). A run uses the rows
that ask one of its training problems, the first `data.rollouts` of each. Rows with other questions are left out and
counted: runs of several sizes and seeds share one file, and held-out problems, which are never trained on, cannot
enter.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth_scaling.core.records import Problem
from synth_scaling.data.words import check_words
from synth_scaling.system.jsonl import read_rows, text_at
from synth_scaling.tasks import EmbeddedTask, Task
from synth_scaling.tasks.questions import normalised


@dataclass(frozen=True)
class GivenResponse:
    """One row of the file."""

    line: int  # of the file, from 1
    text: str
    finished: bool  # ended by itself; by default it did
    correct: bool | None  # the label of the file; None: it has none
    tokens: tuple[int, ...] | None = None  # of the sampler; None: the text is encoded


@dataclass(frozen=True)
class Selected:
    """The responses of a file to the problems of a run, in the order of the problems, then of the file."""

    responses: tuple[tuple[Problem, GivenResponse], ...]
    rows: int  # of the file
    other_questions: int  # rows that ask none of the problems
    beyond: int  # rows beyond the first `data.rollouts` of a problem
    problems_without: int
    problems_with_fewer: int  # than `data.rollouts`, but some

    @property
    def labels(self) -> list[bool | None]:
        """The file's own grade of each response."""
        return [given.correct for _, given in self.responses]

    def __str__(self) -> str:
        text = f"{len(self.responses)} of {self.rows} rows are used"
        if self.other_questions:
            text += f"; {self.other_questions} ask other questions than the training problems"
        if self.beyond:
            text += f"; {self.beyond} are beyond data.rollouts"
        if self.problems_without or self.problems_with_fewer:
            text += (
                f"; {self.problems_without} training problems have no response in the file, "
                f"{self.problems_with_fewer} fewer than data.rollouts"
            )
        return text


@dataclass(frozen=True, eq=False)
class RolloutsFile:
    """The responses of a file by normalised question."""

    path: Path
    responses: dict[str, tuple[GivenResponse, ...]]
    rows: int

    def select(self, problems: Sequence[Problem], n: int) -> Selected:
        """The first `n` responses to each of `problems`. Raises ValueError if there is none to any."""
        asked = [self.responses.get(normalised(problem.prompt), ()) for problem in problems]
        used = [(problem, given) for problem, there in zip(problems, asked, strict=True) for given in there[:n]]
        if not used:
            raise ValueError(
                f"{self.path}: none of its {self.rows} rows asks one of the {len(problems)} training problems"
            )
        of_problems = sum(
            len(self.responses.get(key, ())) for key in {normalised(problem.prompt) for problem in problems}
        )
        return Selected(
            tuple(used),
            self.rows,
            other_questions=self.rows - of_problems,
            beyond=sum(len(there[n:]) for there in asked),
            problems_without=sum(not there for there in asked),
            problems_with_fewer=sum(0 < len(there) < n for there in asked),
        )


def read_rollouts(path: Path, task: Task) -> RolloutsFile:
    """The responses in a JSONL file, plain or gzipped, or a Parquet file; read once as long as it does not change.

    Raises ValueError naming file, line and field for a line that is no JSON object, a field that is missing or of
    another type, and a response with words that an embedded task does not have.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    embedded = task if isinstance(task, EmbeddedTask) else None
    words = (task.name, tuple(embedded.vocabulary), embedded.token_pattern) if embedded is not None else None
    return _read(path, path.stat().st_mtime_ns, path.stat().st_size, words)


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int, words: tuple[str, tuple[str, ...], str] | None) -> RolloutsFile:
    responses: dict[str, list[GivenResponse]] = {}
    rows = 0
    for number, row in read_rows(path):
        rows += 1
        question = text_at(path, number, row, "question")
        if not question.strip():
            raise ValueError(f"{path}:{number}: question: empty")
        text = text_at(path, number, row, "response")
        tokens = _tokens(path, number, row)
        if words is not None and tokens is None:
            check_words(f"{path}:{number}: response", text, *words)
        finished = _flag(path, number, row, "finished")
        given = GivenResponse(number, text, finished is not False, _flag(path, number, row, "correct"), tokens)
        responses.setdefault(normalised(question), []).append(given)
    if not rows:
        raise ValueError(f"{path}: no row in it")
    return RolloutsFile(path, {key: tuple(there) for key, there in responses.items()}, rows)


def _tokens(path: Path, number: int, row: dict[str, Any]) -> tuple[int, ...] | None:
    """The optional token ids."""
    value = row.get("tokens")
    if value is None:
        return None
    if isinstance(value, list) and all(type(token) is int and 0 <= token < 2**31 for token in value):
        return tuple(value)
    raise ValueError(f"{path}:{number}: tokens: allowed is a list of token ids")


def _flag(path: Path, number: int, row: dict[str, Any], field: str) -> bool | None:
    """The truth value of an optional field: true, false, 0 or 1."""
    value = row.get(field)
    if value is None:
        return None
    if value in (0, 1) and isinstance(value, bool | int | float):
        return bool(value)
    raise ValueError(f"{path}:{number}: {field}: {value!r}: allowed are true and false"[:400])
