"""Checks that open the task and the files of the model and the teacher: a run must have all that it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from synth_scaling.core.validation import ConfigError
from synth_scaling.data.options import given_rollouts, teacher_of
from synth_scaling.data.teacher_file import Teacher
from synth_scaling.models.options import check_context, check_model_files, check_model_for
from synth_scaling.tasks import Split, embedded_tasks, make_task

if TYPE_CHECKING:
    from synth_scaling.config.schema import Config


class MissingFiles(ConfigError):
    """Files of the model, the task or the teacher are missing; they must be present before a run starts."""


def check_task(config: Config) -> None:
    """Refuse options that the task refuses, more problems than it has, a model it does not fit.

    Raises ConfigError, MissingFiles for files that are missing.
    """
    if config.model.name == "tiny" and config.task.name not in embedded_tasks():
        raise ConfigError(
            f"model=tiny: a base model is pretrained for task={', '.join(embedded_tasks())} only; "
            f"task={config.task.name} has no corpus for it and takes a pretrained model"
        )
    try:
        check_model_files(config.model)
    except ConfigError as error:
        raise MissingFiles(str(error)) from None
    try:
        task = make_task(config.task)
    except ValueError as error:
        kind = MissingFiles if str(error).startswith(_SOURCES) else ConfigError
        raise kind(str(error)) from None
    check_model_for(task, config.model)
    if (most := config.engine.max_model_len) is not None:
        check_context(task, most, 0, f"engine.max_model_len={most}")
    try:
        teacher = teacher_of(config.data, task)
    except ValueError as error:
        kind = MissingFiles if str(error).startswith(":") or ": no such file" in str(error) else ConfigError
        raise kind(f"data.path={error}") from None
    check_amount("data.problems", teacher, "train", config.data.problems, config.seed)
    try:
        given_rollouts(config.data, task, teacher.problems("train", config.data.problems, config.seed))
    except ValueError as error:
        kind = MissingFiles if ": no such file" in str(error) else ConfigError
        raise kind(f"data.rollouts_path={error}") from None
    check_amount("evaluation.problems", task, config.evaluation.split, config.evaluation.problems, 0)  # type: ignore[arg-type]


_SOURCES = ("task.path=", "task.hub=", "task.revision=")  # the start of a message on a missing source of problems

# The largest number of problems that were drawn for a split and a seed: smaller numbers are the first of them.
_drawn: WeakKeyDictionary[Teacher, dict[tuple[Split, int], int]] = WeakKeyDictionary()


def check_amount(key: str, source: Teacher, split: Split, n: int | None, seed: int) -> None:
    """Refuse more problems than there are. Raises ConfigError."""
    drawn = _drawn.setdefault(source, {})
    most = drawn.get((split, seed), 0)
    if most and (n is None or n <= most):
        return
    try:
        drawn[split, seed] = count = len(source.problems(split, n, seed))
    except ValueError as error:
        raise ConfigError(f"{key}={n}: {error}") from None
    if not count:
        raise ConfigError(f"evaluation.split={split}: allowed is a split that has problems; the task has none in it")
