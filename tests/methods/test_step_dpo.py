"""`step_dpo`: which tokens are the prompt, which are rejected, which are chosen, and what ends."""

from dataclasses import replace

import numpy as np
import pytest

from synth_scaling.core.records import PreferenceRow, PrefixValue, Response, ResponseValues
from synth_scaling.methods import Graded
from synth_scaling.methods.dpo import DPOOptions, dpo
from synth_scaling.methods.step_dpo import StepDPOOptions, step_dpo

PROMPTS = {"p": (90, 91)}
TAUGHT = [Response("p", -1, (1, 2), True, 1)]
RIGHT = [Response("p", 0, (1, 5), True, 1), Response("p", 1, (6, 2), True, 1)]
# Steps (1 2) (3) (4 5); the prefixes before the second and third are known with their right completions.
ENDS = (2, 3, 5)
KNOWN = {(1, 2): ((7,), (8, 9)), (1, 2, 3): ((6,),)}
PREFIX_VALUES = {("p", prefix): PrefixValue("p", prefix, 0.5, 8, right) for prefix, right in KNOWN.items()}


def graded(*q: float, finished: bool = True, right: list[Response] = RIGHT) -> Graded:
    """One negative whose steps have the values `q`, after V(x) = 0.5."""
    negative = Response("p", 2, (1, 2, 3, 4, 5), finished, 0)
    values = ResponseValues(0, ENDS, (0.5, *q))
    return Graded(PROMPTS, TAUGHT, right, [negative], negative_values=[values], prefix_values=PREFIX_VALUES)


def build(table: Graded, seed: int = 0, **options: object) -> list[PreferenceRow]:
    return step_dpo(table, StepDPOOptions(**options), np.random.default_rng(seed))  # type: ignore[arg-type]


def test_a_pit_in_the_middle_is_rejected_after_the_steps_before_it() -> None:
    (row,) = build(graded(0.5, 0.0, 0.0))
    assert row.chosen in KNOWN[1, 2]
    assert row == PreferenceRow((90, 91, 1, 2), row.chosen, True, (3,), False)


def test_rejected_may_be_the_whole_rest() -> None:
    for finished in (True, False):
        (row,) = build(graded(0.5, 0.0, 0.0, finished=finished), rejected="rest")
        assert (row.prompt, row.rejected, row.rejected_ends) == ((90, 91, 1, 2), (3, 4, 5), finished)


@pytest.mark.parametrize("rejected", ["step", "rest"])
@pytest.mark.parametrize("finished", [True, False])
def test_a_pit_at_the_last_step_ends_iff_the_response_did(rejected: str, finished: bool) -> None:
    (row,) = build(graded(0.5, 0.5, 0.0, finished=finished), rejected=rejected)
    assert row == PreferenceRow((90, 91, 1, 2, 3), (6,), True, (4, 5), finished)


@pytest.mark.parametrize(("q", "cut"), [((0.0, 0.5, 0.0), 2), ((0.5, 0.0, 0.0), 3)])
@pytest.mark.parametrize("chosen", ["prefix", "response"])
def test_a_response_cut_at_its_pit_never_ends(q: tuple[float, ...], cut: int, chosen: str) -> None:
    (row,) = build(graded(*q), chosen=chosen)
    assert not row.rejected_ends and row.prompt[2:] + row.rejected == (1, 2, 3, 4, 5)[:cut]


@pytest.mark.parametrize("seed", range(4))
def test_a_pit_at_the_first_step_gives_the_pair_of_plain_dpo(seed: int) -> None:
    table = graded(0.0, 0.5, 0.0)
    whole = dpo(table, DPOOptions(), np.random.default_rng(seed))
    assert build(table, seed, rejected="rest") == whole
    (row,) = build(table, seed)
    assert row == PreferenceRow((90, 91), whole[0].chosen, True, (1, 2), False)


@pytest.mark.parametrize("rejected", ["step", "rest"])
def test_chosen_may_be_a_whole_response_against_the_cut_one(rejected: str) -> None:
    (row,) = build(graded(0.5, 0.0, 0.0), chosen="response", rejected=rejected)
    assert row.chosen in {right.tokens for right in RIGHT} and row.chosen_ends
    assert row.prompt == (90, 91) and row.rejected == ((1, 2, 3) if rejected == "step" else (1, 2, 3, 4, 5))


def test_chosen_completions_are_drawn_evenly() -> None:
    table = graded(0.5, 0.0, 0.0)
    many = Graded(
        PROMPTS, TAUGHT, RIGHT, list(table.negatives) * 400, [], list(table.negative_values) * 400, PREFIX_VALUES
    )
    count = sum(row.chosen == (7,) for row in build(many))
    assert abs(count - 200) < 4 * np.sqrt(400 / 4)


def test_without_a_correct_candidate_there_is_no_pair() -> None:
    assert build(graded(0.0, 0.0, 0.0, right=[])) == []
    assert build(graded(0.5, 0.0, 0.0, right=[]), chosen="response") == []
    empty = {key: PrefixValue(*key, 0.0, 8, ()) for key in PREFIX_VALUES}
    table = graded(0.5, 0.0, 0.0)
    assert build(Graded(PROMPTS, TAUGHT, RIGHT, table.negatives, [], table.negative_values, empty)) == []


def test_only_positives_of_the_same_problem_are_chosen() -> None:
    assert build(graded(0.0, 0.0, 0.0, right=[Response("q", 0, (1, 5), True, 1)])) == []


def test_an_empty_response_that_ended_is_rejected_for_ending() -> None:
    values = [ResponseValues(0, (0,), (0.5, 0.0))]
    for finished in (True, False):
        table = Graded(PROMPTS, TAUGHT, RIGHT[:1], [Response("p", 0, (), finished, 0)], negative_values=values)
        assert build(table) == [PreferenceRow((90, 91), (1, 5), True, (), True)] * finished


def test_the_pit_rule_is_a_setting() -> None:
    # The two differ only for values that never reach 0, which transformed ones may: first_zero then finds no pit.
    assert build(graded(0.5, 0.25, 0.25), pit="first_zero") == []
    (row,) = build(graded(0.5, 0.25, 0.25), pit="lowest")
    assert row.rejected == (3,)


def test_a_correct_completion_that_takes_the_rejected_step_is_not_paired_with_it() -> None:
    table = graded(0.5, 0.0, 0.0)
    (row,) = build(table)
    known = {
        key: replace(value, correct=((*row.rejected, 9), *value.correct)) for key, value in table.prefix_values.items()
    }
    assert all(build(replace(table, prefix_values=known), seed) == build(table, seed) for seed in range(5))


def test_every_negative_needs_its_values() -> None:
    table = graded(0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="shorter"):
        build(Graded(PROMPTS, TAUGHT, RIGHT, list(table.negatives) * 2, negative_values=table.negative_values))


def test_values_of_another_negative_are_not_mixed_in() -> None:
    first, second = graded(0.0, 0.5, 0.0), graded(0.5, 0.5, 0.0)
    both = Graded(
        PROMPTS,
        TAUGHT,
        RIGHT[:1],
        [*first.negatives, *second.negatives],
        negative_values=[*first.negative_values, *second.negative_values],
        prefix_values=PREFIX_VALUES,
    )
    assert [row.rejected for row in build(both)] == [(1, 2), (4, 5)]
