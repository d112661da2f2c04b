"""Checks of a launch that need the tokenizer: the model must be able to take every prompt and solution."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from synth_scaling.config.schema import Config
from synth_scaling.core.records import Problem
from synth_scaling.core.validation import ConfigError
from synth_scaling.data.options import given_rollouts, teacher_of
from synth_scaling.data.teacher_file import TeacherData
from synth_scaling.experiment.given import given_tokens
from synth_scaling.models.options import PretrainedOptions, context_of_model
from synth_scaling.models.pretrained import resolve
from synth_scaling.models.smollm2 import WHEEL, convert_tokenizer
from synth_scaling.tasks import Task, make_task

if TYPE_CHECKING:
    from synth_scaling.models.codec import Codec


def check_texts(configs: Iterable[Config]) -> None:
    """Refuse problems and solutions that a pretrained model cannot take.

    These are a prompt that is too long or has a special token in it, and a solution that ends beyond the model's
    context. Raises ConfigError with file and line of teacher data, or with the name of the task's problem. A base that
    is pretrained here needs no check: its tokens are the words of its task.
    """
    codecs: dict[str, Codec] = {}
    checked: set[tuple[str, str, str]] = set()  # model, prompt and solution
    for config in configs:
        if not isinstance(config.model, PretrainedOptions):
            continue
        task, model = make_task(config.task), repr((config.model, config.task))
        if model not in codecs:
            codecs[model] = _codec(config.model, task)
        for place, problem, solution in _texts(config, task):
            if (model, problem.prompt, solution) not in checked:
                checked.add((model, problem.prompt, solution))
                try:
                    _check_lengths(codecs[model], problem, solution, context_of_model(config.model))
                except ValueError as error:
                    raise ConfigError(f"{place}: {error}") from None
        _check_given(config, task, codecs[model])


def _check_given(config: Config, task: Task, codec: Codec) -> None:
    """Refuse responses of `data.rollouts_path` that the tokenizer does not give back. Raises ConfigError."""
    problems = teacher_of(config.data, task).problems("train", config.data.problems, config.seed)
    if (selected := given_rollouts(config.data, task, problems)) is not None:
        for _, given in selected.responses:
            try:
                given_tokens(Path(config.data.rollouts_path), given, codec)
            except ValueError as error:
                raise ConfigError(f"data.rollouts_path={error}") from None


def _check_lengths(codec: Codec, problem: Problem, solution: str, context: int) -> None:
    """Raises ValueError naming the problem if its prompt is too long, or the prompt, `solution` and an end token."""
    prompt, written = codec.encode_prompt(problem), codec.encode(solution)
    if len(prompt) + len(written) + 1 > context:
        raise ValueError(
            f"problem {problem.id}: its prompt has {len(prompt)} tokens and its solution {len(written)}; "
            f"with an end token they must fit into the model's context of {context}"
        )


def _texts(config: Config, task: Task) -> Iterator[tuple[str, Problem, str]]:
    """The problems of a run, each with the place that it comes from and a solution; test problems with none."""
    teacher = teacher_of(config.data, task)
    for problem in teacher.problems("train", config.data.problems, config.seed):
        if isinstance(teacher, TeacherData):
            for solution in teacher.solutions[problem.id]:
                yield teacher.place(problem), problem, solution
        else:
            yield f"task={task.name}", problem, teacher.teacher(problem, np.random.default_rng(config.seed))
    for problem in task.problems(config.evaluation.split, config.evaluation.problems, 0):  # type: ignore[arg-type]
        yield f"task={task.name}", problem, ""


def _codec(model: PretrainedOptions, task: Task) -> Codec:
    """The tokenizer with the prompt format, and the longest prompt that the task allows."""
    from synth_scaling.experiment.base_model import prompt_codec  # transformers

    folder = Path(_wheel_tokenizer().name) if model.path == WHEEL else resolve(model.path, model.revision)
    return prompt_codec(model, task, folder)[0]


@functools.cache
def _wheel_tokenizer() -> tempfile.TemporaryDirectory[str]:
    """A folder with SmolLM2's tokenizer, removed at the end of the process; converting it takes seconds."""
    folder = tempfile.TemporaryDirectory()
    convert_tokenizer(Path(folder.name))
    return folder
