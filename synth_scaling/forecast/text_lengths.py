"""Lengths of a task's texts in tokens, from which costs are estimated before a model is here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from statistics import fmean
from typing import Any

import numpy as np

from synth_scaling.models.options import PretrainedOptions
from synth_scaling.tasks import EmbeddedTask, Task, make_task

SAMPLE = 200
CHARACTERS_PER_TOKEN = (
    2.7  # of solutions full of digits; 2.67 on GSM8K's with SmolLM2's tokenizer, 3.9 on its questions
)


@dataclass(frozen=True)
class Lengths:
    """Means over problems, in tokens but for `steps`; `tested` counts problems of a split."""

    prompt: float
    response: float  # a teacher's, without the end token
    steps: float
    tested: dict[str, int]
    document: float = 0.0  # of the corpus that a base is pretrained on, with its end token
    vocabulary: int = 0  # of the base that is pretrained for the task


# Tasks whose files may not be here. gsm8k: the first 1,000 train problems of seed 0 in SmolLM2's tokens. math: ours, a
# guess at solutions about twice as long; there are no files of it here to count.
KNOWN = {
    "gsm8k": Lengths(60, 92, 4.5, {"test": 1319}),
    "math": Lengths(80, 200, 6, {"test": 5000}),
    "gsm_symbolic": Lengths(63, 93, 4.6, {}),
}


def lengths_of(task_options: Any, model: Any) -> Lengths:
    """Of the task with its prompts as the model is put them; procedural tasks are measured, in about a second."""
    template = 0.0
    if isinstance(model, PretrainedOptions):
        template = len(model.prompt.replace("{question}", "")) / CHARACTERS_PER_TOKEN
    if (known := KNOWN.get(task_options.name)) is not None:
        tested = {"validation": task_options.n_validation, **known.tested}
        if getattr(task_options, "test_parts", None) == ["math500"]:
            tested["test"] = 500
        if hasattr(task_options, "n_test"):
            tested["test"] = task_options.n_test
        return Lengths(known.prompt + template, known.response, known.steps, tested)
    return _measured(make_task(task_options), template)


def _measured(task: Task, template: float) -> Lengths:
    problems, rng = task.problems("train", SAMPLE, 0), np.random.default_rng(0)
    solutions = [task.teacher(problem, rng) for problem in problems]
    count: Callable[[str], float] = lambda text: len(text) / CHARACTERS_PER_TOKEN  # noqa: E731
    if isinstance(task, EmbeddedTask):
        pattern = re.compile(task.token_pattern)
        count = lambda text: len(pattern.findall(text))  # noqa: E731
    common = (
        fmean(count(problem.prompt) for problem in problems) + template,
        fmean(map(count, solutions)),
        fmean(len(task.steps(solution)) for solution in solutions),
        {split: len(task.problems(split, None, 0)) for split in ("validation", "test")},
    )
    if not isinstance(task, EmbeddedTask):
        return Lengths(*common)
    documents = [count(a + b) + 1 for a, b in islice(task.corpus(rng), SAMPLE)]
    return Lengths(*common, fmean(documents), len(task.vocabulary))
