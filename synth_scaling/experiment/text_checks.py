"""Checks of a launch that need the tokenizer: every problem of a run must be a prompt that the model can take."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from synth_scaling.config.schema import Config
from synth_scaling.core.records import Problem
from synth_scaling.core.validation import ConfigError
from synth_scaling.data.options import teacher_of
from synth_scaling.data.teacher_file import TeacherData
from synth_scaling.models.options import PretrainedOptions
from synth_scaling.models.pretrained import resolve
from synth_scaling.models.smollm2 import WHEEL, convert_tokenizer
from synth_scaling.tasks import Task, make_task

if TYPE_CHECKING:
    from synth_scaling.models.codec import Codec


def check_prompts(configs: Iterable[Config]) -> None:
    """Refuse a problem that a pretrained model cannot be prompted with: too long, or with a special token in it.

    Raises ConfigError with file and line of teacher data, or with the name of the task's problem. A base that is
    pretrained here needs no check: its tokens are the words of its task.
    """
    codecs: dict[str, Codec] = {}
    for config in configs:
        if not isinstance(config.model, PretrainedOptions):
            continue
        task, model = make_task(config.task), repr((config.model, config.task))
        if model not in codecs:
            codecs[model] = _codec(config.model, task)
        for place, problem in _problems(config, task):
            try:
                codecs[model].encode_prompt(problem)
            except ValueError as error:
                raise ConfigError(f"{place}: {error}") from None


def _problems(config: Config, task: Task) -> Iterator[tuple[str, Problem]]:
    """The problems of a run, each with the place that it comes from."""
    teacher = teacher_of(config.data, task)
    for problem in teacher.problems("train", config.data.problems, config.seed):
        yield teacher.place(problem) if isinstance(teacher, TeacherData) else f"task={task.name}", problem
    for problem in task.problems(config.evaluation.split, config.evaluation.problems, 0):  # type: ignore[arg-type]
        yield f"task={task.name}", problem


def _codec(model: PretrainedOptions, task: Task) -> Codec:
    """The tokenizer with the prompt format, and the longest prompt that the task allows."""
    from synth_scaling.experiment.base_model import prompt_codec  # transformers

    if model.path != WHEEL:
        return prompt_codec(model, task, resolve(model.path, model.revision))[0]
    with tempfile.TemporaryDirectory() as folder:
        convert_tokenizer(Path(folder))
        return prompt_codec(model, task, Path(folder))[0]
