"""Base of the tasks in words: splits without a common question, teacher, reward, steps, kinds of error."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.numbers import rational
from synth_scaling.grading.rewards import Grades, Kind, grade
from synth_scaling.tasks.task import Split

_STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its gold answer, normalised, and the gold solution."""

    text: str
    answer: str
    solution: str
    difficulty: int


def normalised(question: str) -> str:
    """The question in lower case, with single spaces, straight quotes and no closing punctuation.

    Questions that agree in this form count as one. Signs stay: in MATH two questions may differ in a sign alone.
    """
    text = unicodedata.normalize("NFKC", question).lower().translate(_STRAIGHT)
    return " ".join(text.split()).rstrip(" .?!")


def distinct(questions: Iterable[Question], seen: set[str]) -> list[Question]:
    """The questions whose normalised text is not in `seen`; their texts are added to it."""
    retained = []
    for question in questions:
        if (key := normalised(question.text)) not in seen:
            seen.add(key)
            retained.append(question)
    return retained


@dataclass(frozen=True)
class Wording:
    """The rules for reading a task's responses."""

    kind: Kind
    steps: Callable[[str], list[str]]
    last_number: bool
    bound: float  # [seconds] that grading one response may take


class QuestionTask:
    """A task given by its questions. `train` takes a seed, of a file's order or of an endless stream."""

    def __init__(
        self,
        name: str,
        wording: Wording,
        held_out: dict[Split, list[Question]],
        train: Callable[[int, int], Sequence[Question]],
        max_prompt_tokens: int,
        max_response_tokens: int,
    ) -> None:
        """`train(n, seed)` returns the first `n` questions, or all of them if there are fewer."""
        self.name, self.wording = name, wording
        self.max_prompt_tokens, self.max_response_tokens = max_prompt_tokens, max_response_tokens
        self._held_out, self._train = held_out, train
        self._solutions: dict[str, str] = {}

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """See :class:`synth_scaling.tasks.task.Task`."""
        if split == "train":
            if n is None:
                raise ValueError(f"task={self.name}: say how many train problems")
            questions = self._train(n, seed)
        else:
            questions = self._held_out[split]
        if n is not None and n > len(questions):
            raise ValueError(f"task={self.name} has {len(questions)} {split} problems, {n} asked for")
        self._solutions |= {question.text: question.solution for question in questions[:n]}
        return [Problem(f"{split}/{i}", q.text, q.answer, q.difficulty) for i, q in enumerate(questions[:n])]

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        """The gold solution. Raises ValueError for a problem of another task."""
        if problem.prompt not in self._solutions:
            raise ValueError(f"task={self.name}: no solution of {problem.id}, which is not one of its problems")
        return self._solutions[problem.prompt]

    # -- grading -------------------------------------------------------------------------------------------------

    def grade(self, problem: Problem, response: str) -> bool:
        """Whether the final answer is correct; many responses are graded faster by :meth:`grade_all`."""
        return self.grade_all([(problem, response)]).rewards[0]

    def grade_all(self, pairs: Sequence[tuple[Problem, str]]) -> Grades:
        """The rewards of (problem, response) pairs, in order; grading one takes at most the task's bound on time."""
        answers = [(problem.answer, response) for problem, response in pairs]
        return grade(self.wording.kind, answers, self.wording.last_number, self.wording.bound)

    def steps(self, response: str) -> list[str]:
        """Lines or sentences; see :mod:`synth_scaling.tasks.steps`."""
        return self.wording.steps(response)

    def true_pit(self, problem: Problem, response: str) -> int | None:
        """None: unknown for texts in words."""
        return None

    def spurious_steps(self, problem: Problem, response: str) -> int | None:
        """None: unknown for texts in words."""
        return None

    def error_kind(self, problem: Problem, response: str, finished: bool) -> str:
        """unfinished, no_answer (no marked answer), unreadable_answer (no number) or wrong_answer."""
        if not finished:
            return "unfinished"
        answer = final_answer(response, self.wording.last_number)
        if answer is None:
            return "no_answer"
        return "unreadable_answer" if self.wording.kind == "number" and rational(answer) is None else "wrong_answer"


def shuffled(questions: Sequence[Question]) -> Callable[[int, int], Sequence[Question]]:
    """The `train` of a task whose questions come from a file: one fixed order per seed."""

    def train(n: int, seed: int) -> Sequence[Question]:
        order = np.random.default_rng([seed, 1]).permutation(len(questions))
        return [questions[i] for i in order[:n]] if n <= len(questions) else questions

    return train
