"""`word_sums`: two-digit sums as short stories, for small pretrained models that find GSM8K too hard.

The teacher adds tens, then units, then both, or all at once, and ends with `#### n`. The pair of numbers of a held-out
problem occurs in no train problem, in either order, so an answer cannot be memorised.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from synth_scaling.core.validation import one_of
from synth_scaling.tasks.options import check_drawn
from synth_scaling.tasks.questions import Question, QuestionTask, Wording
from synth_scaling.tasks.steps import lines
from synth_scaling.tasks.streams import Streams
from synth_scaling.tasks.task import TaskOptions


def _words(text: str) -> list[str]:
    return text.split()


NAMES = _words(
    "Ada Ben Carla Dev Elena Farid Grace Hugo Ines Jonas Kira Liam Maya Noor Omar Priya Quinn Rosa Sami Tara Umar Vera "
    "Wen Yuki Zoe"
)
THINGS = _words(
    "apples books buttons candles cards coins cookies crayons eggs flowers keys lemons letters marbles muffins nails "
    "oranges pencils pictures plums postcards ribbons shells stamps stickers stones tickets tiles tulips walnuts"
)
PLACES = _words("attic barn cellar garage garden hall kitchen library office school shed shop studio workshop")
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

# {a} and {b} are the numbers; the answer is always their sum.
TEMPLATES = (
    "{name} has {a} {things}. {other} gives {name} {b} more {things}. How many {things} does {name} have now?",
    "{name} has {a} {things} and {other} has {b} {things}. How many {things} do they have together?",
    "There are {a} {things} in the {place}. {name} brings {b} more. How many {things} are in the {place} now?",
    "On {day} {name} sold {a} {things}. On {later} {name} sold {b}. How many {things} did {name} sell on both days?",
    "{name} counted {a} {things} in the {place} and {b} {things} outside. How many {things} did {name} count in all?",
    "{name} had some {things}. After giving {a} of them to {other}, {name} still had {b}. "
    "How many {things} did {name} have at first?",
    "{other} has {a} {things}. {name} has {b} more {things} than {other}. How many {things} does {name} have?",
    "A box holds {a} {things} and a bag holds {b}. {name} takes both. How many {things} does {name} take?",
    "The {place} opened with {a} {things}. By the evening of {day}, {b} more had come in and none had left. "
    "How many {things} were there then?",
    "{name} needs {a} {things} for the {place} and {b} {things} for {other}. How many {things} does {name} need?",
    "{name} found {a} {things} in the morning and {b} {things} after lunch. What is the total number of {things}?",
    "{other} packed {a} {things}. Then {name} packed {b} {things}. How many {things} were packed altogether?",
)


@dataclass
class WordSumsOptions(TaskOptions):
    n_test: int = 500  # [problems] held out for testing, each with a pair of numbers that occurs nowhere else
    n_validation: int = 200  # [problems] held out for choosing settings
    # the teacher's: "columns" (tens, units and total a line each) or "direct" (the sum in one line)
    solution: str = "columns"
    last_number: bool = False  # a response without a marked answer answers by its last number
    grading_bound: float = 5.0  # [CPU seconds] that grading one response may take; beyond, it counts as incorrect
    max_prompt_tokens: int = 128  # [tokens] of a prompt at most; longer problems are refused
    max_response_tokens: int = 96  # [tokens] of a response at most; it is cut there and counts as incorrect
    world_seed: int = 0  # draws the held-out problems
    name: str = "word_sums"


Pair = tuple[int, int]
PAIRS: tuple[Pair, ...] = tuple(itertools.combinations_with_replacement(range(10, 100), 2))


class WordSums(QuestionTask):
    def __init__(self, options: WordSumsOptions) -> None:
        self.options = o = options
        check_drawn(o)
        one_of("task.solution", o.solution, tuple(SOLUTIONS))
        solve = SOLUTIONS[o.solution]
        n_held_out = o.n_test + o.n_validation
        if n_held_out >= len(PAIRS):
            raise ValueError(
                f"task.n_test + task.n_validation={n_held_out}: allowed are up to {len(PAIRS) - 1}, a pair each"
            )
        rng = np.random.default_rng([o.world_seed, 2])
        pairs = [PAIRS[i] for i in rng.permutation(len(PAIRS))]
        questions = [_question(pair, rng, solve) for pair in pairs[:n_held_out]]
        super().__init__(
            o.name,
            Wording("number", lines, o.last_number, o.grading_bound),
            {"test": questions[: o.n_test], "validation": questions[o.n_test :]},
            Streams(lambda seed: _draw(pairs[n_held_out:], seed, solve)),
            o.max_prompt_tokens,
            o.max_response_tokens,
        )


def _draw(pairs: list[Pair], seed: int, solve: Callable[[int, int], str]) -> Iterator[Question]:
    rng = np.random.default_rng([seed, 1])
    while True:
        yield _question(pairs[rng.integers(len(pairs))], rng, solve)


def _question(pair: Pair, rng: np.random.Generator, solve: Callable[[int, int], str]) -> Question:
    """The pair in either order, in a random story; the difficulty is 2 where the units carry, else 1.

    The order of the solution is drawn independently, so that there is more than one correct response.
    """
    a, b = pair if rng.random() < 0.5 else pair[::-1]
    name, other = (NAMES[i] for i in rng.permutation(len(NAMES))[:2])
    day = int(rng.integers(len(DAYS) - 1))
    story = TEMPLATES[rng.integers(len(TEMPLATES))].format(
        a=a,
        b=b,
        name=name,
        other=other,
        things=THINGS[rng.integers(len(THINGS))],
        place=PLACES[rng.integers(len(PLACES))],
        day=DAYS[day],
        later=DAYS[day + 1],
    )
    first, second = (a, b) if rng.random() < 0.5 else (b, a)
    return Question(story, str(a + b), solve(first, second), 1 + (a % 10 + b % 10 > 9))


def _columns(a: int, b: int) -> str:
    tens, units = a // 10 * 10 + b // 10 * 10, a % 10 + b % 10
    return (
        f"Tens: {a // 10 * 10} + {b // 10 * 10} = {tens}\n"
        f"Units: {a % 10} + {b % 10} = {units}\n"
        f"Total: {tens} + {units} = {a + b}\n"
        f"#### {a + b}"
    )


def _direct(a: int, b: int) -> str:
    return f"{a} + {b} = {a + b}\n#### {a + b}"


SOLUTIONS = {"columns": _columns, "direct": _direct}
