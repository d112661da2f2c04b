"""The interface of a task: one class that defines problems and grades responses.

The text of embedded tasks consists of a closed set of tokens: `vocabulary` lists them, and the regular expression
`token_pattern` splits any text into them, so that joining the pieces gives the text back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.grading.rewards import Grades
from synth_scaling.system import signals

Split = Literal["train", "validation", "test"]


@dataclass
class TaskOptions:
    """Base class of the options of conf/task/*.yaml."""

    knows_first_errors: ClassVar[bool] = False  # whether `Task.true_pit` finds those of finished responses

    name: str = ""  # the task's key in TASKS
    world_seed: int = 0  # draws the held-out problems


class Task(Protocol):
    """A source of problems with checkable answers. All methods are functions of the options, arguments and seeds."""

    name: str
    max_prompt_tokens: int
    max_response_tokens: int  # the end token not counted

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """The first `n` problems of a split (all held-out ones for None, which `train` does not take).

        `train` has one fixed order per seed, so sizes are nested; `validation` and `test` do not depend on `seed`.
        The three splits share no problem. Raises ValueError if the split has fewer than `n`.
        """
        ...

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        """A correct solution in the teacher's style."""
        ...

    def grade(self, problem: Problem, response: str) -> bool:
        """Whether the response, which ended by itself, is correct. Strict; never raises on any text."""
        ...

    def steps(self, response: str) -> list[str]:
        """The response split into steps; joining them gives it back. At least one step, even for ''."""
        ...

    def error_kind(self, problem: Problem, response: str, finished: bool) -> str:
        """The kind of error of an incorrect response, one of the short names that the task defines."""
        ...

    def spurious_steps(self, problem: Problem, response: str) -> int | None:
        """Number of steps of a correct response that bring it no nearer to its end; None if that is unknown."""
        ...

    def true_pit(self, problem: Problem, response: str) -> int | None:
        """The first error: the 1-based step after which the response cannot become correct; None if unknown."""
        ...


@runtime_checkable
class EmbeddedTask(Task, Protocol):
    """A procedural task with a vocabulary and a corpus, on which its base model is pretrained."""

    vocabulary: Sequence[str]  # no special tokens; every text of the task consists of these
    token_pattern: str

    def corpus(self, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
        """An endless stream of (prompt, continuation) documents; never a validation or test problem."""
        ...


@dataclass(frozen=True)
class Board:
    """The world of a problem as a graph in the plane, in which its responses walk; for pictures.

    Attributes:
        places: (x, y) of each place, x to the right and y down, in steps of 1.
        names: of each place, as responses write it.
        edges: pairs of indices of places between which a response can move.
    """

    places: tuple[tuple[float, float], ...]
    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Walk:
    """A response as a walk on its problem's board.

    Attributes:
        places: the start, then one entry per step of the response: an index of `Board.places`, None for no place.
        goal: the index of the place that the problem asks for.
    """

    places: tuple[int | None, ...]
    goal: int


@runtime_checkable
class Pictured(Protocol):
    """A task whose responses can be drawn as walks."""

    def board(self, problem: Problem) -> Board:
        """The board of a problem; many problems may share one."""
        ...

    def walk(self, problem: Problem, response: str) -> Walk:
        """The response on that board; never raises on any text."""
        ...


@runtime_checkable
class GradesMany(Protocol):
    """A task that grades many responses at once, which is faster or safer."""

    def grade_all(self, pairs: Sequence[tuple[Problem, str]]) -> Grades:
        """:meth:`Task.grade` of each pair, in order, with how many of them hit the task's bound on time."""
        ...


def grade_all(task: Task, pairs: Sequence[tuple[Problem, str]]) -> Grades:
    """The rewards of (problem, response) pairs: one by one here, unless the task grades many at once.

    Raises Interrupted if the process has received a termination signal: the grading workers received it, too, and
    nothing that depends on them is to be stored.
    """
    if isinstance(task, GradesMany):
        grades = task.grade_all(pairs)
    else:
        grades = Grades([task.grade(problem, response) for problem, response in pairs])
    signals.check()
    return grades


def embedded(task: Task) -> EmbeddedTask:
    """`task`, which a base model is to be pretrained for. Raises ValueError if it has no corpus and vocabulary."""
    if not isinstance(task, EmbeddedTask):
        raise ValueError(f"task={task.name} has no vocabulary and corpus to pretrain a model on")
    return task
