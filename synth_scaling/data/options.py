"""conf/data/*.yaml: where D_syn comes from and the amounts that the study varies."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synth_scaling.core.hashing import ADDED
from synth_scaling.data.teacher_file import Fields, Teacher, read_teacher_data
from synth_scaling.tasks import Task


@dataclass
class DataOptions:
    """D_syn is the task's own."""

    problems: int = 200  # N: the problems of D_syn
    traces: int = 1  # distinct teacher solutions a problem in D_syn, as far as there are so many
    rollouts: int = 16  # M responses of pi_sft a problem
    positives: int = 4  # k: distinct correct ones used a problem
    negatives: int = 8  # j: distinct incorrect ones used a problem
    max_negatives: int | None = 4000  # at most this many in all
    temperature: float = 1.0
    # Rollouts are drawn so many at a time, each time a stage: runs with fewer are given the first of those of runs with
    # more, whichever is made first. null: all at once, and another M has other draws.
    rollout_block: int | None = field(default=None, metadata=ADDED)


@dataclass
class JSONLDataOptions(DataOptions):
    """conf/data/jsonl.yaml: D_syn from a file of teacher data."""

    path: str = ""
    question_field: str = "question"
    solution_field: str = "solution"
    answer_field: str | None = "answer"  # null: the solution's final answer


def teacher_of(data: DataOptions, task: Task) -> Teacher:
    """The task, or the file of `data=jsonl`. Raises ValueError naming file, line and field."""
    if not isinstance(data, JSONLDataOptions):
        return task
    if not data.path:
        raise ValueError(": needed is a JSONL file of teacher data")
    fields = Fields(data.question_field, data.solution_field, data.answer_field)
    return read_teacher_data(Path(data.path), fields, task)
