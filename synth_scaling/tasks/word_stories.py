r"""`word_stories`: an amount and two events as a story, for small pretrained models.

Someone has some things; events add to them or, at most once, take away, in one number or in groups ("3 bags of 4").
The teacher writes one operation per line and ends with `#### n`. A correct line joins two open amounts or multiplies
out one group, so that a first error has a place and a kind. The reward looks at the final answer alone
(arXiv 2406.14532). The set of numbers of a held-out problem never occurs in a train problem.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, TypeVar

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.core.validation import between, one_of
from synth_scaling.tasks.options import check_drawn
from synth_scaling.tasks.questions import Question, QuestionTask, Wording
from synth_scaling.tasks.steps import lines
from synth_scaling.tasks.streams import Streams
from synth_scaling.tasks.task import TaskOptions
from synth_scaling.tasks.word_sums import NAMES, PLACES, THINGS

T = TypeVar("T")

ORDERS = ("teacher", "any")
START, WHOLE, COUNT, SIZE = range(3, 21), range(2, 10), range(2, 6), range(2, 10)
MOST = 40  # of start and gains together: sums beyond it are too hard for a model of 135 M parameters
MAX_DRAWS = 100_000

BEGINS = (
    "{name} has {a} {things}.",
    "{name} owns {a} {things}.",
    "{name} counts {a} {things} in the {place}.",
)
EVENTS = {  # by (sign, numbers); only a loss has one of LOSS_WORDS
    (1, 1): ("{other} gives {name} {b} more.", "{name} buys {b} more.", "{name} finds {b} more in the {place}."),
    (1, 2): (
        "{name} buys {b} {boxes} of {c}.",
        "{other} brings {b} {boxes} with {c} in each.",
        "{b} {boxes} with {c} in each arrive.",
    ),
    (-1, 1): ("{name} sells {b} of them.", "{b} of them get lost.", "{name} loses {b}."),
    (-1, 2): (
        "{name} sells {b} {boxes} of {c}.",
        "{b} {boxes} with {c} in each get lost.",
        "{name} loses {b} {boxes} with {c} in each.",
    ),
}
LOSS_WORDS = re.compile(r"\b(?:sells|lost|loses)\b")
QUESTIONS = (
    "How many {things} are there at the end?",
    "What is the number of {things} at the end?",
    "How many {things} does that make now?",
)
BOXES = ("bags", "baskets", "boxes", "jars", "packs", "trays")

OPERATION = re.compile(r"([0-9]{1,6}) ([-+*]) ([0-9]{1,6}) = ([0-9]{1,6})")
ANSWER = re.compile(r"#### ([0-9]{1,6})")


@dataclass
class WordStoriesOptions(TaskOptions):
    knows_first_errors: ClassVar[bool] = True

    orders: str = "teacher"  # of operations: "teacher": as in the story; "any": every correct order
    events: int = 2  # after the start
    n_test: int = 500  # [problems] held out for testing, each with a set of numbers that occurs nowhere else
    n_validation: int = 200  # [problems] held out for choosing settings
    last_number: bool = False  # a response without a marked answer answers by its last number
    grading_bound: float = 5.0  # [CPU seconds] that grading one response may take; beyond, it counts as incorrect
    max_prompt_tokens: int = 128  # [tokens] of a prompt at most; longer problems are refused
    max_response_tokens: int = 96  # [tokens] of a response at most; it is cut there and counts as incorrect
    world_seed: int = 0  # draws the held-out problems
    name: str = "word_stories"


@dataclass(frozen=True, slots=True)
class Amount:
    """An open amount: one number, or a group of two (how many, of how much each)."""

    sign: int  # 1, or -1 for a loss
    numbers: tuple[int, ...]

    @property
    def value(self) -> int:
        """Signed."""
        return self.sign * prod(self.numbers)


Amounts = tuple[Amount, ...]
Line = tuple[int, str, int, int]  # 18 - 12 = 6


class WordStories(QuestionTask):
    def __init__(self, options: WordStoriesOptions) -> None:
        self.options = o = options
        check_drawn(o)
        one_of("task.orders", o.orders, ORDERS)
        between("task.events", o.events, 1, 3, "1 to 3")
        rng = np.random.default_rng([o.world_seed, 3])
        held_out = _held_out(o.n_test + o.n_validation, o.events, rng)
        questions = [_question(amounts, rng) for amounts in held_out.values()]
        super().__init__(
            o.name,
            Wording("number", lines, o.last_number, o.grading_bound),
            {"test": questions[: o.n_test], "validation": questions[o.n_test :]},
            Streams(lambda seed: _draw(o.events, frozenset(held_out), seed)),
            o.max_prompt_tokens,
            o.max_response_tokens,
        )

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        """A correct solution in one of the orders of `orders`. Raises ValueError for a problem of another task."""
        super().teacher(problem, rng)
        return solution(amounts_of(problem.prompt), self.options.orders, rng)

    def true_pit(self, problem: Problem, response: str) -> int | None:
        """The first line of an incorrect response that is no correct step; the last one if it only stops short."""
        if self.grade(problem, response):
            return None
        kinds = _kinds(amounts_of(problem.prompt), self.steps(response))
        return next((i for i, kind in enumerate(kinds, start=1) if kind), len(kinds))

    def spurious_steps(self, problem: Problem, response: str) -> int | None:
        """Lines of a correct response that are no correct step."""
        return sum(kind is not None for kind in _kinds(amounts_of(problem.prompt), self.steps(response)))

    def error_kind(self, problem: Problem, response: str, finished: bool) -> str:
        """Kind of the first error.

        unreadable (no operation, or text after the answer), wrong_operand (a number that is not open), wrong_operation
        (open numbers, joined otherwise than the story says), wrong_result (an arithmetic slip), early_answer (amounts
        are left open), wrong_copy (not the last result); without an error: no_answer at the end, or unfinished.
        """
        steps = self.steps(response)
        for kind in _kinds(amounts_of(problem.prompt), steps if finished else steps[:-1]):
            if kind:
                return kind
        return "no_answer" if finished else "unfinished"


# -- stories ---------------------------------------------------------------------------------------------------------


def _one_of(choices: Sequence[T], rng: np.random.Generator) -> T:
    return choices[int(rng.integers(len(choices)))]


def _numbers(amounts: Amounts) -> tuple[int, ...]:
    """All numbers of a story in ascending order: what held-out and train problems do not share."""
    return tuple(sorted(number for amount in amounts for number in amount.numbers))


def _story(events: int, rng: np.random.Generator) -> Amounts:
    """A start and `events`, at most one a loss that the amount before it covers; no two groups are alike."""
    while True:
        amounts = [Amount(1, (_one_of(START, rng),))]
        loss = int(rng.integers(2 * events))  # at this event, if there are so many
        for event in range(events):
            group = rng.random() < 0.5
            numbers = (_one_of(COUNT, rng), _one_of(SIZE, rng)) if group else (_one_of(WHOLE, rng),)
            amounts.append(Amount(-1 if event == loss else 1, numbers))
        totals = np.cumsum([amount.value for amount in amounts])
        groups = [tuple(sorted(amount.numbers)) for amount in amounts if len(amount.numbers) == 2]
        if totals.min() > 0 and totals.max() <= MOST and len(set(groups)) == len(groups):
            return tuple(amounts)


def _held_out(n: int, events: int, rng: np.random.Generator) -> dict[tuple[int, ...], Amounts]:
    """`n` stories by their numbers. Raises ValueError if there are not so many sets of numbers."""
    stories: dict[tuple[int, ...], Amounts] = {}
    for _ in range(MAX_DRAWS):
        if len(stories) == n:
            return stories
        amounts = _story(events, rng)
        stories.setdefault(_numbers(amounts), amounts)
    raise ValueError(
        f"task.n_test + task.n_validation={n}: task=word_stories has about {len(stories)} sets of numbers with "
        f"task.events={events}"
    )


def _draw(events: int, held_out: frozenset[tuple[int, ...]], seed: int) -> Iterator[Question]:
    rng = np.random.default_rng([seed, 1])
    while True:
        amounts = _story(events, rng)
        if _numbers(amounts) not in held_out:
            yield _question(amounts, rng)


def _question(amounts: Amounts, rng: np.random.Generator) -> Question:
    """The story in random words; its difficulty is the number of operations."""
    name, other = (NAMES[i] for i in rng.permutation(len(NAMES))[:2])
    words = {"name": name, "other": other, "things": _one_of(THINGS, rng), "place": _one_of(PLACES, rng)}
    start, *events = amounts
    sentences = [_one_of(BEGINS, rng).format(a=start.numbers[0], **words)]
    for event in events:
        b, c = (*event.numbers, 0)[:2]
        received = _one_of(EVENTS[event.sign, len(event.numbers)], rng)
        sentences.append(received.format(b=b, c=c, boxes=_one_of(BOXES, rng), **words))
    sentences.append(_one_of(QUESTIONS, rng).format(**words))
    answer = sum(amount.value for amount in amounts)
    operations = sum(len(amount.numbers) for amount in amounts) - 1
    return Question(" ".join(sentences), str(answer), solution(amounts, "teacher", rng), operations)


def amounts_of(story: str) -> Amounts:
    """The amounts in a story, in its order."""
    sentences = re.split(r"(?<=\.) ", story)
    received = [(sentence, tuple(map(int, re.findall(r"[0-9]+", sentence)))) for sentence in sentences]
    return tuple(Amount(-1 if LOSS_WORDS.search(sentence) else 1, numbers) for sentence, numbers in received if numbers)


# -- solutions -------------------------------------------------------------------------------------------------------


def steps_from(amounts: Amounts) -> list[tuple[Line, Amounts]]:
    """Every correct next line, and the amounts that are open after it. A result stands where its first amount stood.

    Two positive amounts are added, a loss is subtracted from an amount that covers it, a group is multiplied out.
    """
    steps: list[tuple[Line, Amounts]] = []
    for i, one in enumerate(amounts):
        if len(one.numbers) == 2:
            count, size = one.numbers
            product = Amount(one.sign, (count * size,))
            steps.append(((count, "*", size, count * size), (*amounts[:i], product, *amounts[i + 1 :])))
            continue
        for j, other in enumerate(amounts[i + 1 :], start=i + 1):
            result = one.value + other.value
            if len(other.numbers) == 2 or result < 0:
                continue
            first, second = (one, other) if one.sign > 0 else (other, one)
            line = (first.numbers[0], "+" if second.sign > 0 else "-", second.numbers[0], result)
            steps.append((line, (*amounts[:i], Amount(1, (result,)), *amounts[i + 1 : j], *amounts[j + 1 :])))
    return steps


def solution(amounts: Amounts, orders: str, rng: np.random.Generator) -> str:
    """One line per operation, and the answer.

    `teacher`: events in the order of the story, groups multiplied out all at first or each when it is needed. `any`:
    every line is drawn from all correct next lines.
    """
    answer = sum(amount.value for amount in amounts)
    written: list[Line] = []
    if orders == "any":
        while steps := steps_from(amounts):
            line, amounts = steps[rng.integers(len(steps))]
            written.append(line)
    else:
        at_first, products, total = rng.random() < 0.5, 0, amounts[0].value
        for event in amounts[1:]:
            value = abs(event.value)
            if len(event.numbers) == 2:
                product = (event.numbers[0], "*", event.numbers[1], value)
                written.insert(products if at_first else len(written), product)
                products += 1
            written.append((total, "+" if event.sign > 0 else "-", value, total + event.value))
            total += event.value
    return "".join("{} {} {} = {}\n".format(*line) for line in written) + f"#### {answer}"


def _kinds(amounts: Amounts, steps: list[str]) -> list[str | None]:
    """The kind of error of each step, None for a correct one; only correct steps change the open amounts."""
    kinds: list[str | None] = []
    answered = False
    for step in steps:
        if (match := ANSWER.fullmatch(step.strip())) and not answered:
            answered = True
            if len(amounts) > 1 or len(amounts[0].numbers) > 1:
                kinds.append("early_answer")
            else:
                kinds.append(None if int(match[1]) == amounts[0].value else "wrong_copy")
        elif (match := OPERATION.fullmatch(step.strip())) and not answered:
            kind, amounts = _operation(amounts, (int(match[1]), match[2], int(match[3]), int(match[4])))
            kinds.append(kind)
        else:
            kinds.append("unreadable")
    return kinds


def _operation(amounts: Amounts, line: Line) -> tuple[str | None, Amounts]:
    """The kind of a line's error and the amounts open after it."""
    left, sign, right, result = line
    operands = [(left, right), (right, left)] if sign in "+*" else [(left, right)]
    correct = [(step, after) for step, after in steps_from(amounts) if step[1] == sign and step[::2][:2] in operands]
    for step, after in correct:
        if step[3] == result:
            return None, after
    if correct:
        return "wrong_result", amounts
    left_open = Counter(number for amount in amounts for number in amount.numbers)
    return ("wrong_operation" if Counter((left, right)) <= left_open else "wrong_operand"), amounts
