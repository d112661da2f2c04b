"""`gsm_symbolic`: word problems from 85 templates, with random names and numbers; endless, and offline.

The templates are reasoning-gym's, after GSM-Symbolic (Mirzadeh et al. 2024, arXiv 2410.05229), which took them from
GSM8K's test questions: do not train on these and test on GSM8K (`python -m synth_scaling.contamination` shows it).
The splits share templates but no question. The teacher's solutions are the generator's; some have an incorrect or odd
step before the correct number, and one that the grader does not accept is dropped.
"""

from __future__ import annotations

import hashlib
import importlib.util
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.grading.rewards import grade
from synth_scaling.tasks.options import check_drawn
from synth_scaling.tasks.questions import Question, QuestionTask, Wording, normalised
from synth_scaling.tasks.steps import lines
from synth_scaling.tasks.streams import Streams, held_out
from synth_scaling.tasks.task import TaskOptions

CHUNK = 1000  # items drawn from one seed of the generator
# Ends every question of the generator; removed, since prompts ask for it.
REQUEST = " Give the result as your final answer. Do not include units."


@dataclass
class GSMSymbolicOptions(TaskOptions):
    n_test: int = 1000  # [problems] held out for testing
    n_validation: int = 300  # [problems] held out for choosing settings
    last_number: bool = False  # a response without a marked answer answers by its last number
    grading_bound: float = 5.0  # [CPU seconds] that grading one response may take; beyond, it counts as incorrect
    max_prompt_tokens: int = 512  # [tokens] of a prompt at most; longer problems are refused
    max_response_tokens: int = 512  # [tokens] of a response at most; it is cut there and counts as incorrect
    world_seed: int = 0  # draws the held-out problems
    name: str = "gsm_symbolic"


class GSMSymbolic(QuestionTask):
    """The task.

    Attributes:
        drawn: number of items generated so far.
        dropped: number of those whose solution the grader does not accept.
    """

    def __init__(self, options: GSMSymbolicOptions) -> None:
        self.options = o = options
        check_drawn(o)
        if importlib.util.find_spec("reasoning_gym") is None:
            raise ValueError("task=gsm_symbolic needs reasoning-gym: run `make extra-words`")
        self.drawn = self.dropped = 0
        test, validation = held_out(
            lambda seed: self._draw(f"held out {seed}"), o.n_test, o.n_validation, o.world_seed, o.name
        )
        seen = frozenset(normalised(question.text) for question in [*test, *validation])
        super().__init__(
            o.name,
            Wording("number", lines, o.last_number, o.grading_bound),
            {"test": test, "validation": validation},
            Streams(lambda seed: self._draw(f"train {seed}"), seen),
            o.max_prompt_tokens,
            o.max_response_tokens,
        )

    def _draw(self, name: str) -> Iterator[Question]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of a package that reasoning-gym imports
            from reasoning_gym import create_dataset  # takes seconds

        chunk = 0
        while True:
            # item i of a seed uses seed + i: neighbouring seeds would share items
            seed = int.from_bytes(hashlib.sha256(f"{name} {chunk}".encode()).digest()[:6])
            for item in create_dataset("gsm_symbolic", seed=seed, size=CHUNK):
                self.drawn += 1
                question = _question(item)
                if question is None:
                    self.dropped += 1
                else:
                    yield question
            chunk += 1


def _question(item: dict) -> Question | None:
    """The question of an item; None if its worked solution does not give its answer."""
    gold, solution = rational(item["answer"]), item["metadata"]["answer_cot"].strip()
    if gold is None or not grade("number", [(canonical(gold), solution)]).rewards[0]:
        return None
    text = item["question"].removesuffix(REQUEST).strip()
    return Question(text, canonical(gold), solution, max(1, len(lines(solution)) - 1))
