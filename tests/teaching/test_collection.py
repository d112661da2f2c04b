"""The attempts and their outcomes for every concurrency, and after kills in between."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from synth_scaling.data.contamination import TestSet
from synth_scaling.tasks.questions import normalised
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions
from synth_scaling.teaching.budget import Budget, BudgetOptions, Prices
from synth_scaling.teaching.client import Client, OpenAIOptions
from synth_scaling.teaching.collection import Collection, Recipe, collect
from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.recipe import Row, Seed, TeacherOptions
from tests.support.stand_in import Body, Endpoint, Reply, Serve, completion, error

SEEDS = [Seed(f"train/{i}", f"Seed {i}?", "#### 1", "1") for i in range(40)]
HELD_OUT = "What is problem 3 of those that nobody may ever train on?"
TEACHER = TeacherOptions("", "like {{ seed.question }}", "New:", "solve {{ question }}", "t")


def chance(text: str, n: int) -> int:
    """0 to n - 1, by the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % n


def reply(body: Body) -> Reply:
    """Sometimes no problem, a seed, a held-out one, or one of few; and solutions that are right more often than not."""
    text = body["messages"][-1]["content"]
    if text.startswith("like"):
        kinds = ["nothing", "New: Seed 7?", f"New: {HELD_OUT}", *[f"New: What of {chance(text, 15)} ?"] * 7]
        return completion(kinds[chance(text, len(kinds))])
    draw = chance(f"{text} {body['seed']}", 10)
    if draw == 9:
        return error(400, "will not")
    return completion("no idea" if draw == 8 else f"Thus #### {draw % 2 + chance(text, 3)}")


def made(
    endpoint: Endpoint,
    journal: Path,
    concurrency: int,
    problems: int = 8,
    tokens: int | None = None,
    attempts: int = 40,
) -> tuple[Collection, Client]:
    engine = OpenAIOptions(model="m", base_url=endpoint.url, concurrency=concurrency, seed=0, max_tokens=5)
    task = WordSums(WordSumsOptions(n_test=5, n_validation=5))
    recipe = Recipe(engine, TEACHER, task, SEEDS, 3, 2, TestSet([HELD_OUT]))

    async def run() -> tuple[Collection, Client]:
        with Journal(journal) as retained:
            budget = Budget(BudgetOptions(tokens), Prices(), retained.usage)
            async with Client(engine, retained, budget) as client:
                return await collect(recipe, client, problems, attempts), client

    return asyncio.run(run())


@pytest.fixture
def endpoint(serve: Serve) -> Endpoint:
    return serve(reply)


@pytest.mark.parametrize("concurrency", [2, 7])
def test_rows_and_attempts_do_not_depend_on_the_concurrency(
    endpoint: Endpoint, tmp_path: Path, concurrency: int
) -> None:
    one, _ = made(endpoint, tmp_path / "1.jsonl", 1)
    asked = len(endpoint.bodies)
    some, _ = made(endpoint, tmp_path / "2.jsonl", concurrency)
    assert some.rows == one.rows and len(one.rows) == 8
    assert sorted(some.outcomes) == sorted(one.outcomes) == list(range(len(one.outcomes)))
    assert len(one.outcomes) > 8 and len(endpoint.bodies) - asked >= asked


def test_written_rows_passed_every_filter(endpoint: Endpoint, tmp_path: Path) -> None:
    collection, _ = made(endpoint, tmp_path / "j.jsonl", 4, problems=12)
    rows = collection.rows
    assert len({normalised(row.question) for row in rows}) == len(rows)
    assert all(row.question not in ("Seed 7?", HELD_OUT) and row.samples == 3 and row.agreed >= 2 for row in rows)
    assert all(row.seed_problem in {seed.id for seed in SEEDS} and row.model == "served-1" for row in rows)
    dropped = collection.dropped
    assert sum(dropped.values()) + len(rows) == len(collection.outcomes)
    assert {"no_problem", "seed_repeated", "contaminated", "duplicate"} <= dropped.keys()


def test_fewer_attempts_than_needed_end_with_the_rows_so_far(endpoint: Endpoint, tmp_path: Path) -> None:
    collection, client = made(endpoint, tmp_path / "j.jsonl", 4, problems=30, attempts=31)
    assert len(collection.outcomes) == 31 and 0 < len(collection.rows) < 30 and client.stopped is None


def test_a_budget_that_ends_is_gone_on_with_a_larger_one(endpoint: Endpoint, tmp_path: Path) -> None:
    whole, _ = made(endpoint, tmp_path / "whole.jsonl", 3)
    rows: list[Row] = []
    for tokens in (600, 1200, 1800, 100_000):
        part, client = made(endpoint, tmp_path / "parts.jsonl", 3, tokens=tokens)
        assert client.budget.spent.total <= tokens
        assert part.rows == whole.rows[: len(part.rows)] and len(part.rows) >= len(rows)
        rows = part.rows
    assert rows == whole.rows
    lines = (tmp_path / "parts.jsonl").read_text().splitlines()
    answered = [line for line in lines if '"answer"' in line]
    assert len(answered) == len({line.split('"key": "')[1][:16] for line in answered})


def test_a_death_after_any_answer_is_gone_on_from(endpoint: Endpoint, tmp_path: Path) -> None:
    whole, _ = made(endpoint, tmp_path / "whole.jsonl", 3)
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    answers = sum('"answer"' in line for line in lines)
    for retained in (1, len(lines) // 2, len(lines)):
        journal = tmp_path / f"{retained}.jsonl"
        journal.write_text("".join(lines[:retained]) + lines[0][:40])  # what a death leaves
        known = sum('"answer"' in line for line in lines[:retained])
        again, client = made(endpoint, journal, 3)
        assert again.rows == whole.rows and again.dropped == whole.dropped
        assert client.asked - client.failed == answers - known
