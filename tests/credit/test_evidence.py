"""Completions count for the prefix they start from and for those they pass; so do the initial rollouts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from synth_scaling import credit
from synth_scaling.core.records import PrefixValue, Response
from synth_scaling.credit import Draw
from tests.support.credit_chain import CODEC, NAME, PROBLEMS, TASK, ends_of, sampled, sampler, value

PROPERTY = settings(max_examples=100)


def draw(text: str, given: int, problem: str = "a") -> Draw:
    return Draw(Response(problem, 0, CODEC.encode(text), True, int(TASK.grade(PROBLEMS[NAME], text))), given)


def said(known: dict[credit.Prefix, PrefixValue]) -> dict[tuple[str, str], tuple[float, int, list[str]]]:
    return {
        (problem, CODEC.decode(prefix)): (row.value, row.rollouts, [CODEC.decode(c) for c in row.correct])
        for (problem, prefix), row in known.items()
    }


NEGATIVES = [Response("a", 0, CODEC.encode("r.w.w.r."), True, 0), Response("b", 0, CODEC.encode("w.w."), True, 0)]
ASKED = credit.asked_prefixes(NEGATIVES, [(2, 4, 6, 8), (2, 4)])
DRAWS = [draw("r.w.r.r.", 2), draw("r.w.w.r.", 2), draw("r.r.r.r.", 2), draw("w.r.r.r.", 0, "b")]


def test_values_are_estimated_at_the_ends_of_all_steps_but_the_last() -> None:
    encode = CODEC.encode
    assert {
        "a": {2: {encode("r.")}, 4: {encode("r.w.")}, 6: {encode("r.w.w.")}},
        "b": {2: {encode("w.")}},
    } == ASKED


def test_a_completion_counts_for_its_prefix_and_for_the_longer_ones_that_it_passes() -> None:
    assert said(credit.learned({}, DRAWS)) == {
        ("a", "r."): (2 / 3, 3, ["w.r.r.", "r.r.r."]),
        ("b", ""): (1.0, 1, ["w.r.r.r."]),
    }
    assert said(credit.learned({}, DRAWS, ASKED)) == {
        ("a", "r."): (2 / 3, 3, ["w.r.r.", "r.r.r."]),
        ("a", "r.w."): (0.5, 2, ["r.r."]),  # from two of the three
        ("a", "r.w.w."): (0.0, 1, []),
        ("b", ""): (1.0, 1, ["w.r.r.r."]),
        ("b", "w."): (1.0, 1, ["r.r.r."]),
    }


def test_a_completion_that_ends_where_a_prefix_does_counts_for_it() -> None:
    short = Draw(Response("b", 0, CODEC.encode("w."), True, 0), 0)
    assert said(credit.learned({}, [short], ASKED))["b", "w."] == (0.0, 1, [])


@PROPERTY
@given(st.lists(st.sampled_from(DRAWS), max_size=12), st.integers(0, 12))
def test_incremental_counts_equal_those_of_all_draws_at_once(draws: list[Draw], cut: int) -> None:
    for asked in (None, ASKED):
        parts = credit.learned(credit.learned({}, draws[:cut], asked), draws[cut:], asked)
        assert said(parts) == said(credit.learned({}, draws, asked))


def test_one_incorrect_initial_rollout_is_left_out_at_each_prefix() -> None:
    """Four pass `r.`, one of them right: 1 of 3 says nothing of the response itself. Only it passes `r.w.w.`."""
    texts = ["r.w.w.r.", "r.w.r.w.", "r.r.w.w.", "r.w.r.r.", "w.w.w.w."]
    rollouts = [draw(text, 0).response for text in texts]
    assert said(credit.from_rollouts(rollouts, ASKED)) == {
        ("a", "r."): (1 / 3, 3, ["w.r.r."]),
        ("a", "r.w."): (0.5, 2, ["r.r."]),
    }


def test_reused_completions_have_the_binomial_error_of_fresh_ones() -> None:
    """Completions of `r.` that pass `r.w.`, against the chain's own value: squared errors by the chi-square law."""
    start, passed, squares = (NAME, CODEC.encode("r.")), (NAME, CODEC.encode("r.w.")), []
    asked = {NAME: {4: frozenset({passed[1]})}}
    for seed in range(40):
        rows, _ = sampler(seed).completions(PROBLEMS, {start: 200})
        row = credit.learned({}, rows, asked)[passed]
        assert 20 < row.rollouts < 110  # three in ten pass
        q = value("r.w.")
        squares.append((row.value - q) ** 2 * row.rollouts / (q * (1 - q)))
    low, high = chi2.ppf([1e-4, 1 - 1e-4], len(squares))
    assert low < sum(squares) < high


def test_initial_rollouts_estimate_prefixes_of_incorrect_responses_without_bias() -> None:
    """Over wrong responses; with the response itself in, its prefixes look worse than they are."""
    start, left_out, left_in = CODEC.encode("r."), [], []
    for seed in range(400):
        rollouts = sampled(8, seed)
        passing = [r for r in rollouts if r.tokens[:2] == start]
        wrong = [r for r in passing if not r.reward]
        if wrong and len(passing) > 1:
            row = credit.from_rollouts(rollouts, credit.asked_prefixes(wrong, ends_of(wrong)))[NAME, start]
            assert row.rollouts == len(passing) - 1
            left_out += [row.value] * len(wrong)
            left_in += [1 - len(wrong) / len(passing)] * len(wrong)
    error = np.std(left_out) / np.sqrt(400)  # those of one problem are alike
    assert len(left_out) > 400 and np.mean(left_in) < value("r.") - 4 * error
    assert abs(np.mean(left_out) - value("r.")) < 4 * error


def test_completed_prefixes_are_whole_correct_responses() -> None:
    known = credit.learned({}, DRAWS)
    fresh = credit.completed(known.values(), 16)
    assert [(r.problem, r.sample, CODEC.decode(r.tokens), r.finished, r.reward) for r in fresh] == [
        ("a", 16, "r.w.r.r.", True, 1),
        ("a", 17, "r.r.r.r.", True, 1),
        ("b", 18, "w.r.r.r.", True, 1),
    ]
