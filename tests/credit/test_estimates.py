"""Estimated step values against those of a chain that are known exactly, and what is sampled for them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from synth_scaling import credit
from synth_scaling.core.records import Response, ResponseValues
from tests.support.credit_chain import (
    CODEC,
    MOVES,
    NAME,
    PROBLEMS,
    TASK,
    TEXTS,
    ChainEngine,
    TwoLives,
    ends_of,
    sampled,
    sampler,
    searched,
    value,
    values_of,
    wrong_chance,
)


def estimates(k: int, seed: int) -> dict[str, float]:
    """The Monte-Carlo value of every inner prefix, the empty one too."""
    prefixes = [(NAME, CODEC.encode(text)) for text in TEXTS]
    known, _ = values_of(dict.fromkeys(prefixes, k), seed)
    assert [(*prefix, row.rollouts) for prefix, row in known.items()] == [(*prefix, k) for prefix in prefixes]
    return {CODEC.decode(row.prefix): row.value for row in known.values()}


def valued(responses: Sequence[Response], k: int, seed: int, stop_at_zero: bool = False) -> list[ResponseValues]:
    """The road of the experiment from responses to Q_0..Q_L."""
    search = credit.Exhaustive(k, stop_at_zero)
    known = searched(search, responses, seed).values
    return search.values(responses, ends_of(responses), credit.initial_values(responses), known)


# -- estimates against the exact values ----------------------------------------------------------------------------


def test_the_chain_has_its_stated_values() -> None:
    assert value("w.w.") == 0.0 and value("w.r.") == pytest.approx(0.49) and value("w.") == pytest.approx(0.4 * 0.49)
    assert value("r.r.r.") == 1.0 and value("r.r.") == pytest.approx(0.7 + 0.3 * 0.4)
    exact = sum(
        np.prod([c if move == "w." else 1 - c for move, c in zip(moves, chances(moves), strict=True)])
        for moves in itertools.product(("r.", "w."), repeat=MOVES)
        if moves.count("w.") <= 1
    )
    assert value("") == pytest.approx(exact)


def chances(moves: Sequence[str]) -> list[float]:
    return [wrong_chance("".join(moves[:i])) for i in range(len(moves))]


@pytest.mark.parametrize("k", [25, 100, 400])
def test_value_estimates_have_the_binomial_error(k: int) -> None:
    """Sum of squared errors over V(1-V)/K against the chi-square law: neither too far off nor too near."""
    open_ends = [text for text in TEXTS if 0.0 < value(text) < 1.0]
    runs = [estimates(k, seed) for seed in range(1600 // k + 4)]
    squares = [
        (run[text] - value(text)) ** 2 * k / (value(text) * (1 - value(text))) for run in runs for text in open_ends
    ]
    low, high = chi2.ppf([1e-4, 1 - 1e-4], len(squares))
    assert low < sum(squares) < high


def test_four_times_the_rollouts_halve_the_error() -> None:
    def rmse(k: int) -> float:
        errors = [run[text] - value(text) for run in (estimates(k, seed) for seed in range(12)) for text in TEXTS]
        return sqrt(np.mean(np.square(errors)))

    # 12 runs of 9 prefixes that can err: an RMSE is known to 1 / sqrt(2 * 108) = 7 %, so 20 % is three sigma.
    expected = sqrt(np.mean([value(text) * (1 - value(text)) for text in TEXTS]))
    assert rmse(25) == pytest.approx(expected / 5, rel=0.2)
    assert rmse(100) == pytest.approx(expected / 10, rel=0.2)


def test_where_nothing_is_left_to_chance_the_estimate_is_exact() -> None:
    actual = estimates(16, 0)
    decided = [text for text in TEXTS if value(text) in (0.0, 1.0)]
    assert len(decided) == 6 and all(actual[text] == value(text) for text in decided)


def test_initial_value_is_the_mean_of_a_problems_rollouts() -> None:
    rollouts = sampled(1600, seed=3)
    initial = credit.initial_values(rollouts)
    assert initial == {NAME: sum(r.reward for r in rollouts) / 1600}
    assert abs(initial[NAME] - value("")) < 4 * sqrt(value("") * (1 - value("")) / 1600)


@pytest.mark.parametrize("stop_at_zero", [False, True])
def test_advantages_of_the_road_are_those_of_the_chain(stop_at_zero: bool) -> None:
    """With 600 rollouts no prefix that has a value is estimated at 0, so stopping there loses nothing."""
    responses = sampled(600, seed=4)
    for response, row in zip(responses, valued(responses, 600, 5, stop_at_zero), strict=True):
        text = CODEC.decode(response.tokens)
        exact = [value(text[: 2 * i]) for i in range(MOVES + 1)]
        assert row.values[-1] == exact[-1] == response.reward
        assert credit.advantages(row.values) == pytest.approx(np.diff(exact), abs=2 * 4 * 0.5 / sqrt(600))


@pytest.mark.parametrize("stop_at_zero", [False, True])
def test_the_first_pit_of_a_negative_is_where_its_second_life_goes(stop_at_zero: bool) -> None:
    negatives = [response for response in sampled(200, seed=6) if not response.reward]
    assert len(negatives) > 50
    for response, row in zip(negatives, valued(negatives, 64, 7, stop_at_zero), strict=True):
        moves = TASK.steps(CODEC.decode(response.tokens))
        second = [i for i, move in enumerate(moves, start=1) if move == "w."][1]
        assert credit.first_error(row.values, "lowest") == credit.first_error(row.values, "first_zero") == second


# -- what is sampled, and what comes back ----------------------------------------------------------------------------


def test_responses_come_in_the_order_of_problems_then_draws_and_are_graded() -> None:
    problems = TASK.problems("train", 3, 0)
    rows, cost = sampler(0).responses(problems, 2)
    assert [(row.problem, row.sample) for row in rows] == [(p.id, i) for p in problems for i in range(2)]
    assert all(row.finished and row.reward == (CODEC.decode(row.tokens).count("w") <= 1) for row in rows)
    assert cost.tokens_sampled == 6 * 2 * MOVES and cost.flops_sampling == 2 * 10 * (3 + 6 * 2 * MOVES)


def test_a_response_cut_at_the_limit_is_incorrect_whatever_its_text() -> None:
    short: Any = TwoLives(max_response_tokens=2 * MOVES - 1)
    assert {(row.reward, row.finished, len(row.tokens)) for row in sampled(50, 0, short)} == {(0, False, 2 * MOVES - 1)}
    prefix = (NAME, CODEC.encode("r.r.r."))
    for task, expected in ((TASK, 1.0), (short, 0.0)):
        known, _ = values_of({prefix: 8}, 1, task)
        assert known[prefix].value == expected


def test_correct_completions_are_distinct_and_correct_after_their_prefix() -> None:
    prefix, start = (NAME, CODEC.encode("w.r.")), (NAME, ())
    known, cost = values_of({prefix: 64}, 2)
    assert known[prefix].correct == (CODEC.encode("r.r."),)  # the one right ending, sampled about 31 times
    assert cost.tokens_sampled == 64 * 4 and cost.flops_sampling == 2 * 10 * (1 + 4 + 64 * 4)
    correct = values_of({start: 200}, 2)[0][start].correct
    assert len(set(correct)) == len(correct) == 5  # none wrong, or one of four
    assert all(TASK.grade(PROBLEMS[NAME], CODEC.decode(tokens)) for tokens in correct)


def test_prefixes_are_continued_from_prompt_and_prefix() -> None:
    engine = ChainEngine()
    values_of({(NAME, CODEC.encode("w.")): 1, (NAME, CODEC.encode("r.r.")): 1}, 0, engine=engine)
    assert engine.prompts_seen == [CODEC.encode("?w."), CODEC.encode("?r.r.")]


def test_every_prefix_has_as_many_completions_as_are_wanted_of_it() -> None:
    """Requests of two completions each; what they cost counts a prefix's own tokens once."""
    engine = ChainEngine()
    draws = {(NAME, CODEC.encode("w.")): 2, (NAME, CODEC.encode("r.r.")): 6}
    known, cost = values_of(draws, 0, engine=engine)
    assert {prefix: row.rollouts for prefix, row in known.items()} == draws
    assert engine.prompts_seen == [CODEC.encode("?w.")] + 3 * [CODEC.encode("?r.r.")]
    assert cost.tokens_sampled == 2 * 6 + 6 * 4 and cost.flops_sampling == 2 * 10 * (3 + 5 + 36)
