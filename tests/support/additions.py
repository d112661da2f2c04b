"""A task in words, small enough for a test: what is 12 + 34?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.tasks.task import Split, TaskOptions


@dataclass
class AdditionOptions(TaskOptions):
    n_test: int = 6
    max_prompt_tokens: int = 16
    max_response_tokens: int = 24
    world_seed: int = 0
    name: str = "additions"


class Additions:
    name = "additions"

    def __init__(self, options: AdditionOptions) -> None:
        self.options = options
        self.max_prompt_tokens, self.max_response_tokens = options.max_prompt_tokens, options.max_response_tokens

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        n = self.options.n_test if n is None else n
        rng = np.random.default_rng([("train", "validation", "test").index(split), seed if split == "train" else 0])
        pairs = rng.integers(10, 50, size=(n, 2)).tolist()
        return [Problem(f"{split}/{i}", f"What is {a} + {b}?", str(a + b), 0) for i, (a, b) in enumerate(pairs)]

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        return f"{problem.prompt[8:-1]} = {problem.answer}.\n#### {problem.answer}"

    def grade(self, problem: Problem, response: str) -> bool:
        return response.split("####")[-1].strip() == problem.answer

    def steps(self, response: str) -> list[str]:
        return response.splitlines(keepends=True) or [response]

    def error_kind(self, problem: Problem, response: str, finished: bool) -> str:
        return "other_number" if finished else "unfinished"

    def spurious_steps(self, problem: Problem, response: str) -> int | None:
        return None

    def true_pit(self, problem: Problem, response: str) -> int | None:
        return None
