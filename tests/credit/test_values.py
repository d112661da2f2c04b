"""Quantities from step values: first errors, also located ones, advantages, spurious steps, best of k."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling import credit
from synth_scaling.core.records import PrefixValue, Response, ResponseValues

PROPERTY = settings(max_examples=100)
VALUES = st.lists(st.sampled_from([i / 8 for i in range(9)]), min_size=2, max_size=9)


@pytest.mark.parametrize(
    ("values", "lowest", "first_zero"),
    [
        ((0.5, 0.5, 0.25, 0.0), 3, 3),
        ((0.5, 0.0, 0.0, 0.0), 1, 1),
        ((0.5, 0.5, 0.0, 0.5, 0.0), 2, 2),
        ((0.0, 0.5, 0.0), 2, 2),  # V(x) is no step
        ((0.0, 0.0), 1, 1),
        ((0.5, 0.5, 0.25, 0.75, 0.25), 2, None),  # transformed values need not reach 0
    ],
)
def test_first_pit_by_hand(values: tuple[float, ...], lowest: int, first_zero: int | None) -> None:
    assert credit.first_error(values, "lowest") == lowest
    assert credit.first_error(values, "first_zero") == first_zero


@PROPERTY
@given(VALUES, st.integers(1, 6))
def test_first_pit_is_the_first_step_that_is_nowhere_undercut(values: list[float], k: int) -> None:
    pit = credit.first_error(values)
    assert pit is not None and 1 <= pit < len(values)
    assert all(q > values[pit] for q in values[1:pit]) and all(q >= values[pit] for q in values[pit:])
    assert credit.first_error(credit.best_of(values, k)) == pit  # best-of-k keeps the order
    zero = credit.first_error(values, "first_zero")
    assert zero == (pit if values[pit] == 0.0 else None)


def test_mean_values_by_step_and_around_a_pit() -> None:
    values = [(1.0, 0.5, 0.0), (0.5, 0.5, 0.5, 0.0)]
    assert credit.mean_values(values, [0, 0]) == [[0, 0.75, 2], [1, 0.5, 2], [2, 0.25, 2], [3, 0.0, 1]]
    assert credit.mean_values(values, [2, 3]) == [[-3, 0.5, 1], [-2, 0.75, 2], [-1, 0.5, 2], [0, 0.0, 2]]
    assert credit.mean_values([], []) == []


def test_spurious_steps_by_hand() -> None:
    values = (0.5, 0.5, 0.75, 0.25, 0.5, 1.0)
    assert credit.spurious_steps(values) == [1, 3]
    assert credit.spurious_steps(values, -0.25) == [3]
    assert credit.spurious_steps(values, -0.75) == []
    assert credit.spurious_steps(values, 0.25) == [1, 2, 3, 4]


@PROPERTY
@given(VALUES, st.sampled_from([-0.5, -0.25, 0.0]))
def test_spurious_steps_are_those_that_gain_at_most_the_threshold(values: list[float], threshold: float) -> None:
    expected = [i for i in range(1, len(values)) if values[i] - values[i - 1] <= threshold]
    assert credit.spurious_steps(values, threshold) == expected


@PROPERTY
@given(VALUES)
def test_advantages_sum_to_reward_minus_initial_value(values: list[float]) -> None:
    actual = credit.advantages(values)
    assert actual.shape == (len(values) - 1,)
    assert actual.sum() == pytest.approx(values[-1] - values[0])


@PROPERTY
@given(st.floats(0, 1), st.integers(1, 8))
def test_best_of_k_is_the_chance_that_one_of_k_is_correct(q: float, k: int) -> None:
    outcomes = itertools.product((1, 0), repeat=k)
    exact = sum(np.prod([q if right else 1 - q for right in outcome]) for outcome in outcomes if any(outcome))
    assert credit.best_of([q, 0.0, 1.0], k) == pytest.approx((exact, 0.0, 1.0))


# -- pits that were searched for --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "values"),
    [
        ({}, (0.5, 0.0, 0.0, 0.0, 0.0)),
        ({2: 0.25, 3: 0.0}, (0.5, 0.25, 0.25, 0.0, 0.0)),  # the first step was not looked at
        ({1: 0.75, 3: 0.25}, (0.5, 0.75, 0.25, 0.25, 0.0)),
        ({1: 0.75, 2: 0.0}, (0.5, 0.75, 0.0, 0.0, 0.0)),
        ({1: 0.0, 2: 0.125, 3: 0.0}, (0.5, 0.125, 0.125, 0.0, 0.0)),  # by chance none was right after the first
    ],
)
def test_located_values_fall_to_zero_after_the_last_prefix_that_is_alive(
    known: dict[int, float], values: tuple[float, ...]
) -> None:
    response, ends = Response("a", 0, (5, 6, 7, 8), True, 0), (1, 2, 3, 4)
    rows = {("a", response.tokens[:i]): PrefixValue("a", response.tokens[:i], q, 8, ()) for i, q in known.items()}
    assert credit.located_values([response], [ends], {"a": 0.5}, rows) == [ResponseValues(0, ends, values)]
    pit = max((i for i, q in known.items() if q > 0), default=0) + 1
    assert credit.first_error(values, "first_zero") == credit.first_error(values, "lowest") == pit
