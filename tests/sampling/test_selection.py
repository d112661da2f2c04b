"""Distinct responses, the most diverse first, against brute force."""

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.records import Response
from synth_scaling.sampling.selection import most_diverse, negatives, positives

RESPONSES = st.lists(
    st.builds(
        Response,
        st.sampled_from(["a", "b", "c"]),
        st.just(0),
        st.lists(st.integers(0, 2), max_size=4).map(tuple),
        st.booleans(),
        st.integers(0, 1),
    ),
    max_size=14,
).map(lambda rows: sorted(rows, key=lambda row: row.problem))  # as they are sampled: problem by problem
PROPERTY = settings(max_examples=100)


def response(tokens: str, reward: int = 1, problem: str = "a", finished: bool = True) -> Response:
    return Response(problem, 0, tuple(map(ord, tokens)), finished, reward)


def words(responses: list[Response]) -> list[str]:
    return ["".join(map(chr, response.tokens)) for response in responses]


def edit_distance(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """By the definition."""
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return edit_distance(a[1:], b[1:])
    return 1 + min(edit_distance(a[1:], b), edit_distance(a, b[1:]), edit_distance(a[1:], b[1:]))


def distinct(responses: list[Response]) -> bool:
    keys = [(r.problem, r.tokens, r.finished) for r in responses]
    return len(set(keys)) == len(keys)


# -- which are taken -------------------------------------------------------------------------------------------------


def test_the_most_diverse_come_first() -> None:
    actual = positives([response(word) for word in ("aaaa", "aaab", "aabb", "bbbb", "aaaa", "aabb")], 4)
    assert words(actual) == ["aaaa", "bbbb", "aabb", "aaab"]  # nearest chosen one at distance 4, then 2, then 1


def test_ties_go_to_the_earlier_response() -> None:
    assert words(positives([response(word) for word in ("aa", "ab", "ba", "bb")], 3)) == ["aa", "bb", "ab"]


def test_correct_responses_are_positives_and_incorrect_ones_negatives() -> None:
    rollouts = [response("a", 1), response("b", 0), response("a", 1), response("c", 0), response("d", 1)]
    assert words(positives(rollouts, 9)) == ["a", "d"]
    assert words(negatives(rollouts, 9)) == ["b", "c"]


def test_a_response_that_was_cut_is_not_the_one_that_ended_there() -> None:
    assert len(negatives([response("ab", 0), response("ab", 0, finished=False), response("ab", 0)], 9)) == 2


def test_the_same_tokens_for_another_problem_are_another_response() -> None:
    assert [r.problem for r in positives([response("x"), response("x", problem="b"), response("x")], 9)] == ["a", "b"]


def test_a_limit_in_all_goes_round_the_problems() -> None:
    rollouts = [
        response(word, 0, problem) for problem, actual in [("a", "pqr"), ("b", "s"), ("c", "tu")] for word in actual
    ]
    taken = [words(negatives(rollouts, 3, most)) for most in range(1, 8)]
    assert taken == [["p"], ["p", "s"], list("pst"), list("pqst"), list("pqstu"), list("pqrstu"), list("pqrstu")]


def test_nothing_sampled_nothing_taken() -> None:
    assert positives([], 4) == negatives([], 4, 2) == positives([response("a")], 0) == []


# -- whatever was sampled ---------------------------------------------------------------------------------------------


@PROPERTY
@given(RESPONSES, st.integers(0, 5))
def test_positives_are_distinct_correct_and_at_most_k_per_problem(rollouts: list[Response], k: int) -> None:
    taken = positives(rollouts, k)
    assert distinct(taken) and all(row in rollouts and row.reward == 1 for row in taken)
    for problem in "abc":
        there = {(row.tokens, row.finished) for row in rollouts if row.problem == problem and row.reward == 1}
        assert sum(row.problem == problem for row in taken) == min(k, len(there))


@PROPERTY
@given(RESPONSES, st.integers(0, 5))
def test_a_smaller_k_selects_the_first_of_a_larger_one(rollouts: list[Response], k: int) -> None:
    smaller, larger = (
        {problem: list(rows) for problem, rows in groupby(positives(rollouts, size), key=lambda row: row.problem)}
        for size in (k, k + 1)
    )
    assert all(larger[problem][: len(rows)] == rows for problem, rows in smaller.items())


@PROPERTY
@given(RESPONSES, st.integers(1, 5), st.integers(1, 8))
def test_negatives_are_nested_in_the_limit_and_even_over_problems(rollouts: list[Response], j: int, most: int) -> None:
    everything, taken, more = (negatives(rollouts, j, limit) for limit in (None, most, most + 1))
    assert len(taken) == min(most, len(everything))
    assert [row for row in everything if row in taken] == taken  # in the table's order
    assert all(row in more for row in taken)
    for problem in "abc":
        there, got = ([row for row in rows if row.problem == problem] for rows in (everything, taken))
        assert got == there[: len(got)]
        if len(got) < len(there):  # a problem goes short only if none got more than one beyond it
            assert all(sum(row.problem == other for row in taken) <= len(got) + 1 for other in "abc")


@PROPERTY
@given(RESPONSES, st.integers(0, 5))
def test_each_next_one_is_the_farthest_from_those_before(rollouts: list[Response], limit: int) -> None:
    chosen = most_diverse(rollouts, limit)
    assert len(chosen) == min(limit, len(rollouts)) and chosen[:1] == rollouts[: min(limit, 1)]
    left = list(rollouts)
    for i, pick in enumerate(chosen):
        nearest = [min((edit_distance(r.tokens, c.tokens) for c in chosen[:i]), default=0) for r in left]
        assert pick == left[nearest.index(max(nearest))]
        left.remove(pick)


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_two_picks_are_as_far_apart_as_any_that_start_with_the_first(limit: int) -> None:
    rows = [response(word) for word in ("kitten", "sitting", "mitten", "kitchen")]
    chosen = most_diverse(rows, limit)
    farthest = max(edit_distance(rows[0].tokens, row.tokens) for row in rows[1:])
    assert farthest == 3 and words(chosen)[:2] == ["kitten", "sitting"][:limit]
