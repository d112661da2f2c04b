"""Intervals and pass@k against published values and plain enumeration."""

from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.metrics import (
    correct_counts,
    counts,
    error_of,
    next_step_agreement,
    pass_at_k,
    shares,
    wilson_interval,
)
from synth_scaling.core.records import Response


def responses(rewards: list[int], problem: str = "p") -> list[Response]:
    return [Response(problem, i, (), True, reward) for i, reward in enumerate(rewards)]


@pytest.mark.parametrize(
    ("wrong", "tested", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (the score interval without correction)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # statsmodels.stats.proportion.proportion_confint(wrong, tested, method="wilson")
        (0, 10, 0.0000, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0000),
    ],
)
def test_wilson_interval_is_the_published_one(wrong: int, tested: int, low: float, high: float) -> None:
    assert wilson_interval(wrong, tested) == pytest.approx((low, high), abs=5e-5)


@settings(max_examples=60)
@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 4.0))
def test_wilson_bounds_are_where_the_score_test_just_rejects(counts: tuple[int, int], z: float) -> None:
    wrong, tested = counts
    for bound in wilson_interval(wrong, tested, z):
        assert 0.0 <= bound <= 1.0
        assert abs(wrong / tested - bound) == pytest.approx(z * sqrt(bound * (1 - bound) / tested), abs=1e-8)


def test_the_wilson_interval_is_symmetric_in_correct_and_incorrect() -> None:
    low, high = wilson_interval(3, 40)
    assert wilson_interval(37, 40) == pytest.approx((1 - high, 1 - low))


def test_an_interval_needs_something_tested() -> None:
    with pytest.raises(ValueError, match="nothing was tested"):
        wilson_interval(0, 0)


@pytest.mark.parametrize("n", range(1, 7))
def test_pass_at_k_is_the_share_of_draws_with_a_correct_one(n: int) -> None:
    for right in range(n + 1):
        rewards = [1] * right + [0] * (n - right)
        for k in range(1, n + 1):
            draws = [any(draw) for draw in combinations(rewards, k)]
            assert pass_at_k(responses(rewards), k) == pytest.approx(sum(draws) / len(draws))


def test_pass_at_k_is_a_mean_over_problems() -> None:
    rows = responses([1, 0, 0, 0], "a") + responses([0, 0], "b") + responses([1, 1, 0], "c")
    assert pass_at_k(rows, 1) == pytest.approx((1 / 4 + 0 + 2 / 3) / 3)
    assert pass_at_k(rows, 2) == pytest.approx((1 / 2 + 0 + 1) / 3)


def test_pass_at_k_refuses_too_few_responses() -> None:
    with pytest.raises(ValueError, match="pass@3 needs 3 responses"):
        pass_at_k(responses([1, 1, 1], "a") + responses([1, 1], "b"), 3)


def test_shares_add_to_one_the_most_frequent_first() -> None:
    assert list(shares(["b", "a", "b", "c", "b", "a", "b", "b"]).items()) == [("b", 5 / 8), ("a", 2 / 8), ("c", 1 / 8)]
    assert shares([]) == {}


def test_counts_are_ascending_in_the_value():
    assert counts([3, -1, 3, 0, 3]) == [[-1, 1], [0, 1], [3, 3]]
    assert counts([]) == []


def test_error_and_counts_of_samples_by_hand() -> None:
    rows = responses([1, 0, 0, 1], "a") + responses([0, 0, 0, 1], "b")
    assert correct_counts(rows) == {"a": (2, 4), "b": (1, 4)}
    assert error_of(rows) == 5 / 8 == 1 - pass_at_k(rows, 1)
    with pytest.raises(ValueError, match="nothing was sampled"):
        error_of([])


def test_next_step_agreement_of_a_policy_that_chooses_among_k_steps_is_one_over_k() -> None:
    rng = np.random.default_rng(0)
    for k in (1, 2, 5):
        several = {f"p{i}": rng.integers(k, size=(16, 10)).astype(str).tolist() for i in range(200)}
        assert next_step_agreement(several) == pytest.approx(1 / k, rel=0.02)


@pytest.mark.parametrize(
    ("texts", "agreement"),
    [
        (["ab", "ac"], 1 / 2),
        (["abc", "abc"], 1.0),
        (["a", "ab"], 1.0),  # one has ended: nothing to compare at the second step
        (["a", "a", "b"], 1 / 3),
        (["ab"], None),
        ([], None),
    ],
)
def test_next_step_agreement_of_few_responses(texts: list[str], agreement: float | None) -> None:
    assert next_step_agreement({"p": [list(text) for text in texts], "alone": [["a"]]}) == agreement


@given(st.lists(st.text("ab", min_size=1, max_size=4), max_size=6))
def test_next_step_agreement_counts_every_pair_while_it_agrees(texts: list[str]) -> None:
    agreeing = compared = 0
    for one, other in combinations(texts, 2):
        for a, b in zip(one, other, strict=False):
            compared += 1
            agreeing += a == b
            if a != b:
                break
    expected = agreeing / compared if compared else None
    assert next_step_agreement({"p": [list(text) for text in texts]}) == expected
