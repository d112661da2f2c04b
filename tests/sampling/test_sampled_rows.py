"""Graded rows from the real engine: rewards, values and costs against a count of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synth_scaling.core.records import Response
from synth_scaling.credit import learned
from synth_scaling.models.codec import Codec
from synth_scaling.sampling.engine import Engine
from synth_scaling.sampling.sampler import Sampler
from synth_scaling.tasks.maze import Maze

PARAMETERS = 1000


@pytest.fixture(scope="module")
def responses(small_maze: Maze, codec: Codec, engine: Engine, pretrained: Path) -> list[Response]:
    """16 of the pretrained model on each of 60 problems, right and wrong ones among them."""
    engine.load(pretrained)
    problems = small_maze.problems("test", 60, 0)
    rows, cost = Sampler(engine, small_maze, codec, PARAMETERS, temperature=1.0, seed=0).responses(problems, 16)
    prompt_tokens = 3 * len(problems)
    sampled = sum(len(row.tokens) for row in rows)
    assert cost.tokens_sampled == sampled and cost.flops_sampling == 2 * PARAMETERS * (prompt_tokens + sampled)
    return rows


def test_responses_come_in_order_and_carry_the_tasks_own_grade(
    responses: list[Response], small_maze: Maze, codec: Codec
) -> None:
    problems = {p.id: p for p in small_maze.problems("test", 60, 0)}
    assert [(r.problem, r.sample) for r in responses] == [(id, i) for id in problems for i in range(16)]
    grades = [r.finished and small_maze.grade(problems[r.problem], codec.decode(r.tokens)) for r in responses]
    assert [bool(r.reward) for r in responses] == grades
    assert 0 < sum(grades) < len(grades)
    assert not any(r.reward for r in responses if not r.finished)


def test_the_value_of_a_prefix_is_its_share_of_correct_completions(
    responses: list[Response], small_maze: Maze, codec: Codec, engine: Engine, pretrained: Path
) -> None:
    """After all but the last step of right responses: some completions are right, and all right ones are kept."""
    engine.load(pretrained)
    problems = {p.id: p for p in small_maze.problems("test", 60, 0)}
    prefixes = list(dict.fromkeys((r.problem, r.tokens[:-1]) for r in responses if r.reward))
    k = 32
    drawn, cost = Sampler(engine, small_maze, codec, PARAMETERS, temperature=1.0, seed=0).completions(
        problems, dict.fromkeys(prefixes, k)
    )
    rows = list(learned({}, drawn).values())
    assert [(row.problem, row.prefix) for row in rows] == prefixes
    assert np.mean([row.value for row in rows]) > 0.05
    for row in rows:
        assert row.rollouts == k and row.value * k == round(row.value * k)
        assert len(row.correct) == len(set(row.correct)) <= round(row.value * k)
        assert (row.value > 0) == bool(row.correct)
        for completion in row.correct:
            assert small_maze.grade(problems[row.problem], codec.decode(row.prefix + completion))
            assert len(row.prefix) + len(completion) <= small_maze.max_response_tokens
    read = sum(len(codec.encode(problems[id].prompt)) + len(prefix) for id, prefix in prefixes)
    assert cost.flops_sampling == 2 * PARAMETERS * (read + cost.tokens_sampled)
