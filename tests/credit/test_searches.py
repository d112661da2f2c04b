"""Bisection and adaptive allotment: the pits they find, what they sample for it, and the errors that they may make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import ceil, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from synth_scaling import credit
from synth_scaling.core.records import PrefixValue, Response
from synth_scaling.credit import Adaptive, Bisection, Draw, Exact, Exhaustive, Prefix, Search
from synth_scaling.credit.adaptive import incorrect_needed
from synth_scaling.credit.bisection import middle
from synth_scaling.credit.evidence import correct_of
from tests.support.credit_chain import CODEC, MOVES, NAME, TASK, ends_of, sampled, searched

PROPERTY = settings(max_examples=200)
SEARCHES: list[Search] = [
    Bisection(64, reuse=False),
    Bisection(64, reuse=True),
    Adaptive(64, 0.01, 0.99, 1, "forward", reuse=False),
    Adaptive(64, 0.01, 0.99, 4, "forward", reuse=True),
    Adaptive(64, 0.01, 0.99, 1, "halving", reuse=True),
]


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_the_pit_found_is_where_the_second_life_goes(search: Search) -> None:
    """On the chain every value is 0 or above 0.19, and 64 wrong completions in a row say 0."""
    rollouts = sampled(120, seed=6)
    negatives = [response for response in rollouts if not response.reward]
    known = searched(search, negatives, 7, rollouts).values
    rows = search.values(negatives, ends_of(negatives), credit.initial_values(rollouts), known)
    for response, row in zip(negatives, rows, strict=True):
        moves = TASK.steps(CODEC.decode(response.tokens))
        second = [i for i, move in enumerate(moves, start=1) if move == "w."][1]
        assert credit.first_error(row.values, "lowest") == credit.first_error(row.values, "first_zero") == second
        if second > 1:  # what step_dpo takes its chosen side from
            assert known[NAME, response.tokens[: 2 * (second - 1)]].correct


def test_exact_first_errors_are_those_given_and_only_the_prefixes_before_them_are_completed() -> None:
    negatives = [response for response in sampled(60, seed=6) if not response.reward]
    ends = ends_of(negatives)
    errors = [None if i % 5 == 0 else 1 + i % len(stops) for i, stops in enumerate(ends)]
    search = Exact(8, tuple(errors))
    known = searched(search, negatives, 7).values
    before = {(r.problem, r.tokens[: e[i - 2]]) for r, e, i in zip(negatives, ends, errors, strict=True) if i and i > 1}
    assert set(known) == before and {value.rollouts for value in known.values()} == {8}
    initial = credit.initial_values(negatives)
    for row, stops, error in zip(search.values(negatives, ends, initial, known), ends, errors, strict=True):
        for rule in ("lowest", "first_zero"):
            assert credit.first_error(row.values, rule) == (error or len(stops))
        assert set(row.values[1:]) <= {0.0, 1.0} and len(row.values) == len(stops) + 1


# -- with values that are all 0 or 1 -----------------------------------------------------------------------------------


def long_response(steps: int) -> tuple[Response, tuple[int, ...]]:
    return Response("a", 0, tuple(range(steps)), True, 0), tuple(range(1, steps + 1))


def answered(search: Search, steps: int, pit: int) -> tuple[int | None, Counter[int]]:
    """The pit found, and the completions by step, where all before `pit` are completed right and none from there on."""
    response, stops = long_response(steps)
    known: dict[Prefix, PrefixValue] = {}
    asked: Counter[int] = Counter()
    while draws := search.next_draws([response], [stops], known):
        for (problem, tokens), n in draws.items():
            asked[len(tokens)] += n
            right = Response(problem, 0, (*tokens, -1), True, int(len(tokens) < pit))
            known = credit.learned(known, [Draw(right, len(tokens))] * n)
    (row,) = search.values([response], [stops], {"a": 0.5}, known)
    return credit.first_error(row.values), asked


@PROPERTY
@given(st.integers(1, 40), st.data())
def test_bisection_looks_at_a_logarithm_of_the_steps(steps: int, data: st.DataObject) -> None:
    pit = data.draw(st.integers(1, steps))
    actual, asked = answered(Bisection(8, reuse=False), steps, pit)
    assert actual == pit and set(asked.values()) <= {8} and len(asked) <= ceil(log2(steps))


@PROPERTY
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.data())
def test_forward_asks_one_batch_of_a_living_prefix_and_all_of_the_dead_one(
    steps: int, most: int, batch: int, data: st.DataObject
) -> None:
    pit = data.draw(st.integers(1, steps))
    actual, asked = answered(Adaptive(most, 1e-6, 0.95, batch, "forward", reuse=False), steps, pit)
    assert actual == pit
    assert asked == {step: min(batch, most) for step in range(1, pit)} | ({pit: most} if pit < steps else {})


@PROPERTY
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.data())
def test_halving_bisects_once_a_level(steps: int, most: int, batch: int, data: st.DataObject) -> None:
    pit = data.draw(st.integers(1, steps))
    actual, asked = answered(Adaptive(most, 1e-6, 0.95, batch, "halving", reuse=False), steps, pit)
    levels = 1 + max(0, ceil(log2(most / batch)))
    assert actual == pit and len(asked) <= levels * ceil(log2(steps))
    assert asked[pit] == (most if pit < steps else 0) and all(n <= most for n in asked.values())


# -- what is looked at next --------------------------------------------------------------------------------------------


def known_of(values: Mapping[int, tuple[float, int]], steps: int) -> list[PrefixValue | None]:
    return [PrefixValue("a", (), *values[i], ()) if i in values else None for i in range(1, steps)]


@pytest.mark.parametrize(
    ("known", "step"),
    [
        ({}, 4),  # between 0 and 8
        ({4: (0.5, 8)}, 6),
        ({4: (0.0, 8)}, 2),
        ({4: (0.0, 7)}, 4),  # one completion is missing
        ({4: (0.125, 8), 6: (0.0, 8)}, 5),
        ({4: (0.125, 1), 5: (0.0, 8)}, None),
        ({3: (0.0, 8), 6: (0.5, 2)}, 7),  # alive later: it was alive
        ({1: (0.0, 8)}, None),
        ({7: (0.5, 1)}, None),
    ],
)
def test_middle_of_eight_steps(known: dict[int, tuple[float, int]], step: int | None) -> None:
    assert middle(known_of(known, 8), 8) == step


def test_two_responses_that_want_one_prefix_get_the_smaller_number_first() -> None:
    """The first is at its second level, the other at its first; what they share is drawn once."""
    one, other = Response("a", 0, (1, 2, 3), True, 0), Response("a", 1, (1, 4, 5, 6), True, 0)
    known = {("a", (1, 2)): PrefixValue("a", (1, 2), 0.0, 1, ())}
    search = Adaptive(8, 1e-6, 0.95, 1, "halving", reuse=False)
    assert search.next_draws([one, other], [(1, 2, 3), (1, 2, 3, 4)], known) == {("a", (1,)): 1, ("a", (1, 4)): 1}


def test_a_response_of_one_step_needs_nothing() -> None:
    response = Response("a", 0, (7, 8), True, 0)
    assert not any(search.next_draws([response], [(2,)], {}) for search in SEARCHES)


# -- the statistics ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["forward", "halving"])
def test_the_prefix_before_a_first_error_gets_enough_correct_completions_for_pairs(order: str) -> None:
    """Four, or as many as come of `most` completions; on the chain one in five is right after the first wrong move."""
    negatives = [response for response in sampled(60, seed=2) if not response.reward]
    search = Adaptive(32, 0.1, 0.95, 1, order, reuse=True, right=4)  # type: ignore[arg-type]
    known = searched(search, negatives, 3).values
    rows = search.values(negatives, ends_of(negatives), {NAME: 0.5}, known)
    pits = [credit.first_error(row.values) or 0 for row in rows]
    before = [known[NAME, r.tokens[: 2 * (pit - 1)]] for r, pit in zip(negatives, pits, strict=True) if pit > 1]
    assert len(before) > 20
    assert all(correct_of(value) >= 4 or value.rollouts >= 32 for value in before)


@pytest.mark.parametrize(
    ("epsilon", "confidence", "n"), [(0.1, 0.95, 29), (0.5, 0.75, 2), (0.9, 0.9, 1), (0.1, 0.19, 2), (0.2, 0.9999, 42)]
)
def test_as_many_incorrect_completions_are_needed_as_a_value_of_epsilon_rarely_gives(
    epsilon: float, confidence: float, n: int
) -> None:
    assert incorrect_needed(epsilon, confidence) == n
    assert binom.pmf(0, n, epsilon) <= 1 - confidence + 1e-9 < binom.pmf(0, n - 1, epsilon)
    assert Adaptive(1000, epsilon, confidence, 1, "forward", False).enough == n
    assert Adaptive(max(1, n - 1), epsilon, confidence, 1, "forward", False).enough == max(1, n - 1)


@pytest.mark.parametrize("order", ["forward", "halving"])
@pytest.mark.parametrize("v", [0.0, 0.05, 0.2, 0.6])
def test_a_prefix_is_called_dead_as_often_and_takes_as_many_completions_as_computed(order: str, v: float) -> None:
    """4,000 problems of one prefix each: (1 - v)^n are called dead, the others at their first right completion."""
    search = Adaptive(1000, 0.2, 0.9, 1, order, reuse=False)  # type: ignore[arg-type]
    rng, problems, n = np.random.default_rng(0), 4000, 11
    responses = [Response(str(i), 0, (1, 2), True, 0) for i in range(problems)]
    # What one after the other would have taken: batches of 1, 1, 2, 4 and 3 overshoot.
    known: dict[Prefix, PrefixValue] = {}
    firsts = rng.geometric(v, problems) if v else np.full(problems, n + 1)  # the first right completion of each
    while draws := search.next_draws(responses, [(1, 2)] * problems, known):
        for (problem, tokens), more in draws.items():
            seen = known[problem, tokens].rollouts if (problem, tokens) in known else 0
            new = [Response(problem, 0, (1, 3), True, int(seen + i + 1 == firsts[int(problem)])) for i in range(more)]
            known = credit.learned(known, [Draw(row, 1) for row in new])
    dead = np.array([known[str(i), (1,)].value == 0.0 for i in range(problems)])
    assert (dead == (firsts > n)).all() and search.enough == n
    assert abs(dead.mean() - (1 - v) ** n) <= 4 * np.sqrt((1 - v) ** n / problems)
    # Batches end at 1, 2, 4, 8 and 11 completions: what was drawn is the next of these after the first right one.
    drawn = [known[str(i), (1,)].rollouts for i in range(problems)]
    assert drawn == [next((end for end in (1, 2, 4, 8) if first <= end), n) for first in firsts]


# -- the exhaustive search's own completions ---------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 8, 32])
def test_given_the_same_completions_forward_finds_the_pits_of_the_exhaustive_search(k: int) -> None:
    rollouts = sampled(150, seed=11)
    negatives = [response for response in rollouts if not response.reward]
    ends, initial, rng = ends_of(negatives), credit.initial_values(rollouts), np.random.default_rng(k)
    outcomes: dict[Prefix, list[bool]] = {}

    def actual(search: Search) -> tuple[list[int | None], int]:
        known: dict[Prefix, PrefixValue] = {}
        taken = 0
        while draws := search.next_draws(negatives, ends, known):
            for (problem, tokens), n in draws.items():
                rewards = outcomes.setdefault((problem, tokens), (rng.random(k) < 1 / k).tolist())
                seen = known[problem, tokens].rollouts if (problem, tokens) in known else 0
                rows = [Response(problem, 0, (*tokens, 0), True, int(right)) for right in rewards[seen : seen + n]]
                assert len(rows) == n
                known, taken = credit.learned(known, [Draw(row, len(tokens)) for row in rows]), taken + n
        rows = search.values(negatives, ends, initial, known)
        return [credit.first_error(row.values) for row in rows], taken

    pits, whole = actual(Exhaustive(k, stop_at_zero=True))
    again, part = actual(Adaptive(k, 1e-6, 0.95, 1, "forward", reuse=False))
    assert again == pits and set(pits) > {MOVES} and part < whole


def test_numbered_completions_continue_where_the_last_round_ended() -> None:
    """Forward with all of the completions before a pit: the exhaustive search's pits, values and right completions."""
    rollouts = sampled(150, seed=11)
    negatives = [response for response in rollouts if not response.reward]
    ends, initial = ends_of(negatives), credit.initial_values(rollouts)
    whole = searched(Exhaustive(8, stop_at_zero=True), negatives, 3, numbered=True)
    part = searched(Adaptive(8, 0.0, 0.95, 1, "forward", reuse=False, right=8), negatives, 3, numbered=True)
    rows = Exhaustive(8, stop_at_zero=True).values(negatives, ends, initial, whole.values)
    pits = [credit.first_error(row.values) or 0 for row in rows]
    actual = Adaptive(8, 0.0, 0.95, 1, "forward", reuse=False).values(negatives, ends, initial, part.values)
    assert [credit.first_error(row.values) for row in actual] == pits and set(pits) == {2, 3, 4}
    for response, stops, pit in zip(negatives, ends, pits, strict=True):
        if pit > 1:
            prefix = (NAME, response.tokens[: stops[pit - 2]])
            assert part.values[prefix] == whole.values[prefix]
    assert part.rounds > whole.rounds and part.cost.tokens_sampled < whole.cost.tokens_sampled
    # Of other rounds other completions, where they are not numbered.
    other = searched(Adaptive(8, 0.0, 0.95, 1, "forward", reuse=False, right=8), negatives, 3)
    assert other.values != part.values
