"""Attempts, each a new problem and its solutions, until the requested number of rows is reached.

The attempts and their rows depend on the answers alone, not on the order in which they arrive:
an attempt starts only while those that run could not be enough, so there are no more than the shortest run of
attempts with enough rows; and of equal problems the one of the earliest attempt is retained.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from synth_scaling.data.contamination import TestSet
from synth_scaling.tasks.questions import QuestionTask, normalised
from synth_scaling.teaching.client import Client, OpenAIOptions, RequestFailed, Stopped
from synth_scaling.teaching.recipe import (
    Dropped,
    Row,
    Seed,
    TeacherOptions,
    agreement,
    new_problem,
    problem_request,
    solution_request,
)
from synth_scaling.teaching.records import Answer

Asked = Row | Dropped | None  # None: stopped before its end


@dataclass(frozen=True)
class Recipe:
    """The inputs that all attempts share."""

    engine: OpenAIOptions
    teacher: TeacherOptions
    task: QuestionTask
    seeds: Sequence[Seed]
    samples: int  # solutions per new problem
    agree: int  # of them that have to give the same answer
    held_out: TestSet


@dataclass
class Collection:
    """The outcomes of the attempts so far, by attempt number."""

    outcomes: dict[int, Asked] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)  # normalised question: the earliest attempt that has it

    def add(self, attempt: int, outcome: Asked) -> None:
        self.outcomes[attempt] = outcome
        if isinstance(outcome, Row):
            question = normalised(outcome.question)
            self.first[question] = min(attempt, self.first.get(question, attempt))

    def earlier(self, question: str, attempt: int) -> bool:
        """Whether an earlier attempt has the same problem."""
        return self.first.get(normalised(question), attempt) < attempt

    @property
    def rows(self) -> list[Row]:
        """In the order of their attempts."""
        rows = [self.outcomes[attempt] for attempt in sorted(self.first.values())]
        return [row for row in rows if isinstance(row, Row)]

    @property
    def dropped(self) -> Counter[str]:
        """The number of attempts that each filter dropped."""
        reasons = Counter(outcome.reason for outcome in self.outcomes.values() if isinstance(outcome, Dropped))
        repeated = sum(isinstance(outcome, Row) for outcome in self.outcomes.values()) - len(self.first)
        return reasons + Counter(duplicate=repeated)


async def collect(
    recipe: Recipe, client: Client, problems: int, attempts: int, on_row: Callable[[int], None] = lambda rows: None
) -> Collection:
    """Up to `problems` rows from at most `attempts` attempts; `on_row` is called with their number."""
    seeds = {normalised(seed.question) for seed in recipe.seeds}
    collection, running, n_started = Collection(), set[asyncio.Task[None]](), 0

    async def attempt(number: int) -> None:
        try:
            outcome: Asked = await _attempt(recipe, client, collection, seeds, number)
        except RequestFailed:
            outcome = Dropped("request_failed")
        except Stopped:
            outcome = None
        collection.add(number, outcome)

    while True:
        while (
            not client.stopped
            and n_started < attempts
            and len(running) < min(recipe.engine.concurrency, problems - len(collection.first))
        ):
            running.add(asyncio.create_task(attempt(n_started)))
            n_started += 1
        if not running:
            return collection
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        unexpected = [error for task in done if (error := task.exception())]  # of all: asyncio prints unread ones
        if unexpected:
            raise unexpected[0]
        on_row(len(collection.first))


async def _attempt(
    recipe: Recipe, client: Client, collection: Collection, seeds: set[str], number: int
) -> Row | Dropped:
    """One new problem. The filters that need no solution come first: what they drop costs no more."""
    seed = recipe.seeds[number % len(recipe.seeds)]
    written = await client.ask(problem_request(recipe.engine, recipe.teacher, seed, number // len(recipe.seeds)))
    question = new_problem(written, recipe.teacher.problem_mark)
    if question is None:
        return Dropped("no_problem")
    if normalised(question) in seeds:
        return Dropped("seed_repeated")
    if recipe.held_out.overlap(question):
        return Dropped("contaminated")
    if collection.earlier(question, number):
        return Dropped("duplicate")
    requests = [solution_request(recipe.engine, recipe.teacher, question, i) for i in range(recipe.samples)]
    results = await asyncio.gather(*map(client.ask, requests), return_exceptions=True)
    answers = [result for result in results if isinstance(result, Answer)]
    failures = [result for result in results if isinstance(result, BaseException)]
    if failures:  # the answers are in the journal by now; most severe first: unexpected, stopped, one request
        raise min(failures, key=lambda e: 1 * isinstance(e, Stopped) + 2 * isinstance(e, RequestFailed))
    return agreement(recipe.task, seed, question, answers, recipe.agree)
