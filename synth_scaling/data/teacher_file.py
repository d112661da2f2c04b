"""Teacher data that is already there: `data=jsonl data.path=FILE`, one solved problem a line.

The problems and solutions of D_syn come from the file, everything else from the task: its grader, its steps, its test
problems. An unreadable line is refused with file, line and field. Rows that D_syn cannot use are left out and
counted: solutions that the task grades as incorrect, since every teacher errs at times and N counts problems with
a correct solution; and problems that overlap a held-out one of the task. If fewer are left than are asked for, the
run is refused before anything is computed.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.data.contamination import TestSet
from synth_scaling.data.words import check_words
from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.gold import gold_answer, written_answer
from synth_scaling.system.jsonl import read_rows, text_of, value_at
from synth_scaling.tasks import EmbeddedTask, Split, Task, grade_all
from synth_scaling.tasks.questions import QuestionTask, normalised


class Teacher(Protocol):
    """Source of the problems of D_syn and their first solutions: a task or a file."""

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]: ...

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str: ...


@dataclass(frozen=True)
class Fields:
    """Names in the file; a dot reaches into an object."""

    question: str = "question"
    solution: str = "solution"
    answer: str | None = "answer"  # None: the solution's final answer


@dataclass(frozen=True)
class Taught:
    """A problem of the file, and its correct solutions in the order of the file."""

    problem: Problem
    solutions: tuple[str, ...]
    line: int = 0  # the first row that has the question


@dataclass(frozen=True, eq=False)
class TeacherData:
    """The usable problems of a file in its order, and how many rows there are and were left out."""

    path: Path
    taught: tuple[Taught, ...]
    rows: int
    graded_wrong: int
    contaminated: int

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """The first `n` of one fixed order a seed. Raises ValueError if there are fewer."""
        assert split == "train", "test problems come from the task"
        n = len(self.taught) if n is None else n
        if n > len(self.taught):
            raise ValueError(f"{self}; {n} asked for")
        order = np.random.default_rng([seed, 3]).permutation(len(self.taught))
        return [self.taught[i].problem for i in order[:n]]

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        """One of the file's solutions of a problem of the file."""
        solutions = self.solutions[problem.id]
        return solutions[rng.integers(len(solutions))]

    @functools.cached_property
    def solutions(self) -> dict[str, tuple[str, ...]]:
        """The solutions of each problem by its id."""
        return {taught.problem.id: taught.solutions for taught in self.taught}

    def place(self, problem: Problem) -> str:
        """FILE:LINE of the first row with a problem's question."""
        return f"{self.path}:{self._lines[problem.id]}"

    @functools.cached_property
    def _lines(self) -> dict[str, int]:
        return {taught.problem.id: taught.line for taught in self.taught}

    def __str__(self) -> str:
        return (
            f"{self.path} has {len(self.taught)} problems to use in its {self.rows} rows "
            f"({self.graded_wrong} rows graded wrong, {self.contaminated} overlap held-out problems)"
        )


def read_teacher_data(path: Path, fields: Fields, task: Task) -> TeacherData:
    """The teacher data in a JSONL file, plain or gzipped; read once as long as neither file nor task changes.

    Rows with one question (but for case and spaces) are solutions of one problem. Raises ValueError naming file, line
    and field for a line that is no JSON object, a field that is missing, and an answer that does not read as one.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    return _read(path, path.stat().st_mtime_ns, path.stat().st_size, fields, _ByIdentity(task))


@dataclass(frozen=True)
class _ByIdentity:
    task: Task

    def __hash__(self) -> int:
        return id(self.task)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.task is other.task


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int, fields: Fields, by: _ByIdentity) -> TeacherData:
    task = by.task
    numbered = [(number, _solved(path, number, row, fields, task)) for number, row in read_rows(path)]
    if not numbered:
        raise ValueError(f"{path}: no row in it")
    lines = [solved for _, solved in numbered]
    places: dict[str, int] = {}
    for number, (problem, _) in numbered:
        places.setdefault(problem.id, number)
    first: dict[str, Problem] = {}  # the answer to a question that comes again is its first row's
    pairs = [(first.setdefault(normalised(problem.prompt), problem), solution) for problem, solution in lines]
    correct = grade_all(task, pairs).rewards
    held_out = TestSet(held_out_questions(task))
    overlapping = {problem.id for problem in first.values() if held_out.overlap(problem.prompt)}
    solutions: dict[str, dict[str, None]] = {}
    problems = {problem.id: problem for problem in first.values()}
    for (problem, solution), good in zip(pairs, correct, strict=True):
        if good and problem.id not in overlapping:
            solutions.setdefault(problem.id, {})[solution] = None
    return TeacherData(
        path,
        tuple(Taught(problems[name], tuple(texts), places[name]) for name, texts in solutions.items()),
        len(lines),
        correct.count(False),
        sum(good and problem.id in overlapping for (problem, _), good in zip(pairs, correct, strict=True)),
    )


def held_out_questions(task: Task) -> list[str]:
    """The questions that no teacher data may hold: the task's validation and test problems."""
    splits: Sequence[Split] = ("validation", "test")
    return [problem.prompt for split in splits for problem in task.problems(split, None, 0)]


def _solved(path: Path, number: int, row: dict[str, Any], fields: Fields, task: Task) -> tuple[Problem, str]:
    """The problem and the solution of a line."""
    question = _text(path, number, row, fields.question)
    solution = _text(path, number, row, fields.solution)
    if fields.answer is not None:
        name, answer = fields.answer, _answer(task, _text(path, number, row, fields.answer))
    else:
        name, answer = fields.solution, final_answer(solution) and _answer(task, solution)
    if answer is None:
        raise ValueError(
            f"{path}:{number}: {name}: no answer of task={task.name}: {_text(path, number, row, name)[-60:]!r}"
        )
    if isinstance(task, EmbeddedTask):
        limits = (task.max_prompt_tokens, task.max_response_tokens)
        for name, text, most in zip((fields.question, fields.solution), (question, solution), limits, strict=True):
            count = check_words(f"{path}:{number}: {name}", text, task.name, task.vocabulary, task.token_pattern)
            if count > most:
                raise ValueError(f"{path}:{number}: {name}: {count} words; task={task.name} allows {most}")
    digest = hashlib.sha256(normalised(question).encode()).hexdigest()[:16]
    return Problem(f"teacher/{digest}", question, answer, len(task.steps(solution))), solution


def _answer(task: Task, written: str) -> str | None:
    """The answer as the task's grader wants it, alone or at the end of a solution; None if there is none."""
    return gold_answer(task.wording.kind, written) if isinstance(task, QuestionTask) else written.strip()


def _text(path: Path, number: int, row: dict[str, Any], field: str) -> str:
    """The text of a field; a number is converted to text."""
    text = text_of(path, number, written_answer(value_at(path, number, row, field)), field)
    if not text.strip():
        raise ValueError(f"{path}:{number}: {field}: empty")
    return text
