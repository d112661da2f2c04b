"""conf/data/*.yaml: where D_syn comes from and the amounts that the study varies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.records import Problem
from synth_scaling.core.validation import ConfigError, above_zero, at_least, between
from synth_scaling.data.rollouts_file import Selected, read_rollouts
from synth_scaling.data.teacher_file import Fields, Teacher, read_teacher_data
from synth_scaling.tasks import Task


@dataclass
class DataOptions:
    """D_syn comes from the task."""

    problems: int = 200  # [problems] N, the size of D_syn
    traces: int = 1  # [solutions per problem] distinct ones of the teacher in D_syn, as far as there are so many
    rollouts: int = 16  # [responses per problem] M, sampled from pi_sft
    positives: int = 4  # [responses per problem] k, distinct and correct, at most
    negatives: int = 8  # [responses per problem] j, distinct and incorrect, at most
    max_negatives: int | None = 4000  # [responses] incorrect ones in all, at most; null: no limit
    temperature: float = 1.0  # of the rollouts
    # [responses per problem] sampled at a time, each block a stage, so that a run with fewer rollouts gets the first
    # ones of a run with more; null: all at once, and another M has other samples
    rollout_block: int | None = field(default=None, metadata=ADDED)
    # JSON Lines (.gz, Parquet) of question and response, optionally correct, finished and tokens: responses sampled
    # elsewhere, which take the place of pi_sft's rollouts; empty: pi_sft samples
    rollouts_path: str = field(default="", metadata=ADDED)


@dataclass
class JSONLDataOptions(DataOptions):
    """conf/data/jsonl.yaml: D_syn from a file of teacher data."""

    path: str = ""  # the file, JSON Lines, gzipped or not
    question_field: str = "question"  # a dot reaches into an object: out.text
    solution_field: str = "solution"  # a text that ends with the answer
    answer_field: str | None = "answer"  # the answer, or a text that ends with it; null: the solution's final answer


def teacher_of(data: DataOptions, task: Task) -> Teacher:
    """The task, or the file of `data=jsonl`. Raises ValueError naming file, line and field."""
    if not isinstance(data, JSONLDataOptions):
        return task
    if not data.path:
        raise ValueError(": needed is a JSONL file of teacher data")
    fields = Fields(data.question_field, data.solution_field, data.answer_field)
    return read_teacher_data(Path(data.path), fields, task)


def given_rollouts(data: DataOptions, task: Task, problems: Sequence[Problem]) -> Selected | None:
    """The responses of `data.rollouts_path` to the training problems; None without one.

    Raises ValueError naming file, line and field.
    """
    if not data.rollouts_path:
        return None
    return read_rollouts(Path(data.rollouts_path), task).select(problems, data.rollouts)


def check_data(data: DataOptions) -> None:
    """Refuse amounts out of range. Raises ConfigError."""
    at_least("data.problems", data.problems, 1)
    at_least("data.traces", data.traces, 1)
    at_least("data.rollouts", data.rollouts, 1)
    for key in ("positives", "negatives"):
        between(f"data.{key}", getattr(data, key), 0, data.rollouts, f"0 to data.rollouts={data.rollouts}")
    if data.max_negatives is not None:
        at_least("data.max_negatives", data.max_negatives, 1)
    if data.rollout_block is not None:
        at_least("data.rollout_block", data.rollout_block, 1)
        if data.rollouts_path:
            raise ConfigError(f"data.rollout_block={data.rollout_block}: allowed is null with data.rollouts_path")
    above_zero("data.temperature", data.temperature)
