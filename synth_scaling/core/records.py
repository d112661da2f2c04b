"""Records that the stages of the pipeline pass on, and their storage as Parquet tables.

Every table between two stages is a list of one of these frozen dataclasses, written as one Parquet file.
Token ids never include the end-of-sequence token: whether a text ends is a flag, and the end token is
added in one place only (:mod:`synth_scaling.training`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Problem:
    """A question `x` with a final answer that a program can check."""

    id: str  # unique within the task, e.g. "train/17"
    prompt: str
    answer: str  # the reference answer of the task's grader
    difficulty: int  # on the task's scale; for `maze` the shortest distance


@dataclass(frozen=True, slots=True)
class Response:
    """One graded solution `y` of a problem."""

    problem: str  # Problem.id
    sample: int  # index among the samples of the problem; the teacher's solutions are -1, -2, ...
    tokens: tuple[int, ...]
    finished: bool  # the end token was produced; a response cut at the length limit is not finished
    reward: int  # r(x, y): 1 if the final answer is correct, else 0


@dataclass(frozen=True, slots=True)
class PrefixValue:
    """Monte Carlo value of a prefix: V(x, y_1..y_i), the share of correct completions."""

    problem: str
    prefix: tuple[int, ...]  # tokens of y_1..y_i; empty for V(x)
    value: float
    rollouts: int  # K, the number of completions
    correct: tuple[tuple[int, ...], ...]  # the distinct correct completions of this prefix


@dataclass(frozen=True, slots=True)
class ResponseValues:
    """Q_0..Q_L of one response, and the ends of its steps."""

    response: int  # row in the table of responses
    ends: tuple[int, ...]  # token count after each step, ends[-1] == len(tokens)
    values: tuple[float, ...]  # Q_0..Q_L, one longer than `ends`


@dataclass(frozen=True, slots=True)
class NLLRow:
    """A prompt, its completion, and the weight of each token of the completion in the loss."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    ends: bool  # the end token is trained on after the completion
    weights: tuple[float, ...] | None = None  # one per completion token, and one more for the end token if `ends`


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A prompt, a response to it, and for each trained token a coefficient and the sampling policy's log-probability.

    A positive coefficient raises the probability of its token, a negative one lowers it; how, the loss says.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    ends: bool  # the end token is trained on after the completion
    correct: bool  # the response is correct, whatever the signs of its coefficients
    coefficients: tuple[float, ...]  # one per completion token, and one more for the end token if `ends`
    # log mu of each trained token, mu the policy that sampled the response; None: no ratio, -coefficient * log pi
    reference: tuple[float, ...] | None = None
    pass_rate: float = 0.0  # share of correct ones among mu's responses to the problem


@dataclass(frozen=True, slots=True)
class ResponseLogProbs:
    """Log-probability of each token of one response under the policy that sampled it."""

    response: int  # row in the table of responses
    log_probs: tuple[float, ...]  # one per token, and one more for the end token if the response is finished


@dataclass(frozen=True, slots=True)
class PreferenceRow:
    """Two continuations of one prompt (for per-step pairs the prompt holds the shared prefix)."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    chosen_ends: bool
    rejected: tuple[int, ...]
    rejected_ends: bool


@dataclass(frozen=True, slots=True)
class StepPairRow:
    """Two responses to one prompt; each trained token has a weight and the reference policy's log-probability.

    Both hold one entry per token of their side, and one more for the end token if the side ends.
    """

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    chosen_ends: bool
    chosen_weights: tuple[float, ...]
    chosen_reference: tuple[float, ...]
    rejected: tuple[int, ...]
    rejected_ends: bool
    rejected_weights: tuple[float, ...]
    rejected_reference: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class UnpairedRow:
    """A prompt and a response to it that is desirable or not, for KTO."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    ends: bool  # the end token is trained on after the completion
    desirable: bool


def write_table(path: Path, rows: Sequence[object], kind: type) -> None:
    """Write `rows`, all of dataclass `kind`, as one Parquet file (an empty table keeps its columns)."""
    names = [field.name for field in dataclasses.fields(kind)]
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    pq.write_table(pa.table(columns), path)


def read_table(path: Path, kind: type[Row]) -> list[Row]:
    """The rows of a file that :func:`write_table` wrote; lists are returned as tuples."""
    columns = pq.read_table(path).to_pydict()
    return [kind(*map(_frozen, values)) for values in zip(*columns.values(), strict=True)]


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
