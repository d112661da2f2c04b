"""The exhaustive search samples every step, one after the other, and fewer if it stops at a value of zero."""

from __future__ import annotations

import pytest

from synth_scaling import credit
from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from tests.support.credit_chain import CODEC, NAME, ends_of, sampled, searched

WORDS = [("a", "r.w.w.r."), ("a", "r.w.r.w."), ("b", "r.w.w.w."), ("a", "r.w.w.w.")]
RESPONSES = [Response(problem, i, CODEC.encode(word), True, 0) for i, (problem, word) in enumerate(WORDS)]
ENDS = [(2, 4, 6, 8)] * 4


def wanted(known: dict[tuple[str, str], float], stop_at_zero: bool) -> list[tuple[str, str]]:
    """The prefixes of RESPONSES that are sampled next, as text."""
    rows = {(p, CODEC.encode(text)): PrefixValue(p, CODEC.encode(text), q, 8, ()) for (p, text), q in known.items()}
    draws = credit.Exhaustive(8, stop_at_zero).next_draws(RESPONSES, ENDS, rows)
    assert set(draws.values()) <= {8}
    return [(problem, CODEC.decode(prefix)) for problem, prefix in draws]


def test_shared_prefixes_are_rolled_out_once() -> None:
    everything = [
        ("a", "r."),
        ("a", "r.w."),
        ("a", "r.w.w."),
        ("a", "r.w.r."),
        ("b", "r."),
        ("b", "r.w."),
        ("b", "r.w.w."),
    ]
    assert wanted({}, stop_at_zero=False) == everything
    assert wanted(dict.fromkeys(everything[:4], 0.0), stop_at_zero=False) == everything[4:]
    assert wanted(dict.fromkeys(everything, 0.0), stop_at_zero=False) == []


def test_stopping_at_zero_goes_step_by_step_and_not_beyond_a_zero() -> None:
    known: dict[tuple[str, str], float] = {}
    rounds = [
        {("a", "r."): 0.5, ("b", "r."): 0.0},  # nothing more is wanted of b
        {("a", "r.w."): 0.25},
        {("a", "r.w.w."): 0.0, ("a", "r.w.r."): 0.5},
        {},
    ]
    for actual in rounds:
        assert wanted(known, stop_at_zero=True) == list(actual)
        known |= actual


@pytest.mark.parametrize("k", [1, 2, 4])
def test_stopping_at_zero_samples_prefixes_without_an_earlier_zero(k: int) -> None:
    responses = sampled(80, seed=8)
    ends = ends_of(responses)
    known = searched(credit.Exhaustive(k, True), responses, 9).values
    zeros = {prefix for (_, prefix), row in known.items() if row.value == 0.0}
    prefixes = {(r.problem, r.tokens[:end]) for r, stops in zip(responses, ends, strict=True) for end in stops[:-1]}
    assert zeros and known.keys() == {
        (name, prefix)
        for name, prefix in prefixes
        if not any(prefix[:end] in zeros for end in range(2, len(prefix), 2))
    }
    rows = credit.response_values(responses, ends, credit.initial_values(responses), known)
    for response, row in zip(responses, rows, strict=True):  # 0 where nothing was rolled out
        actual = [known.get((NAME, response.tokens[:end])) for end in (2, 4, 6)]
        assert row.values[1:] == (*(value.value if value else 0.0 for value in actual), response.reward)


def test_a_missing_value_without_a_zero_before_it_is_an_error() -> None:
    row = PrefixValue("a", CODEC.encode("r."), 0.5, 8, ())
    with pytest.raises(KeyError):
        credit.response_values(RESPONSES[:1], ENDS[:1], {"a": 0.5}, {("a", row.prefix): row})


def test_a_response_of_one_step_has_nothing_to_roll_out() -> None:
    response = Response("a", 0, (7, 8), True, 1)
    assert not any(credit.Exhaustive(4, stop).next_draws([response], [(2,)], {}) for stop in (True, False))
    assert credit.response_values([response], [(2,)], {"a": 0.25}, {}) == [ResponseValues(0, (2,), (0.25, 1.0))]
