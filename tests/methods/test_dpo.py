"""`dpo` and `dpo_edit_distance`: whole responses of one problem, paired at random or by edit distance."""

import numpy as np
import pytest

from synth_scaling.core.records import PreferenceRow, Response
from synth_scaling.methods import METHODS, Graded
from synth_scaling.methods.dpo import DPOEditDistanceOptions, DPOOptions, dpo

PROMPTS = {"p": (90,), "q": (91,)}
TAUGHT = [Response("p", -1, (1, 1, 1), True, 1), Response("q", -1, (2, 2), True, 1)]
RIGHT = [Response("p", i, tokens, True, 1) for i, tokens in enumerate([(1, 2, 3), (1, 2, 9), (7, 8, 9), (1, 2, 8)])]
WRONG = [Response("p", 9, (1, 2, 3, 4), True, 0)]


def build(graded: Graded, seed: int = 0, **options: str | bool) -> list[PreferenceRow]:
    return dpo(graded, DPOOptions(**options), np.random.default_rng(seed))  # type: ignore[arg-type]


@pytest.mark.parametrize(("pairing", "chosen"), [("nearest", (1, 2, 3)), ("farthest", (7, 8, 9))])
def test_pairs_by_edit_distance(pairing: str, chosen: tuple[int, ...]) -> None:
    graded = Graded(PROMPTS, TAUGHT, RIGHT, WRONG)
    assert build(graded, pairing=pairing) == [PreferenceRow((90,), chosen, True, (1, 2, 3, 4), True)]


@pytest.mark.parametrize("pairing", ["nearest", "farthest"])
def test_ties_in_edit_distance_go_to_the_earlier_response(pairing: str) -> None:
    for candidates in (RIGHT[1::2], RIGHT[:0:-2]):
        assert build(Graded(PROMPTS, TAUGHT, candidates, WRONG), pairing=pairing)[0].chosen == candidates[0].tokens


def test_edit_distance_pairs_the_nearest_by_default() -> None:
    graded = Graded(PROMPTS, TAUGHT, RIGHT, WRONG)
    rows = METHODS["dpo_edit_distance"].build(graded, DPOEditDistanceOptions(), np.random.default_rng(0))
    assert rows == build(graded, pairing="nearest")


def test_random_pairs_take_every_positive_of_the_problem_about_as_often() -> None:
    elsewhere = Response("q", 0, (5,), True, 1)
    rows = build(Graded(PROMPTS, TAUGHT, [*RIGHT, elsewhere], WRONG * 400))
    counts = [sum(row.chosen == right.tokens for row in rows) for right in RIGHT]
    assert sum(counts) == 400 and all(abs(count - 100) < 4 * np.sqrt(400 * 1 / 4 * 3 / 4) for count in counts)


def test_the_same_seed_gives_the_same_pairs() -> None:
    graded = Graded(PROMPTS, TAUGHT, RIGHT, WRONG * 20)
    assert build(graded, seed=1) == build(graded, seed=1) != build(graded, seed=2)


@pytest.mark.parametrize("pairing", ["random", "nearest", "farthest"])
def test_without_a_positive_the_demonstration_is_chosen(pairing: str) -> None:
    wrong = [Response("q", 0, (2, 3), True, 0), *WRONG]
    rows = build(Graded(PROMPTS, TAUGHT, RIGHT, wrong), pairing=pairing)
    assert rows[0] == PreferenceRow((91,), (2, 2), True, (2, 3), True)
    assert rows[1].chosen in {right.tokens for right in RIGHT}  # where there are positives it is none of them


def test_a_response_that_was_cut_is_rejected_without_an_end() -> None:
    (row,) = build(Graded(PROMPTS, TAUGHT, RIGHT, [Response("p", 0, (1, 2), False, 0)]))
    assert row.chosen_ends and not row.rejected_ends


def test_one_pair_a_negative_in_their_order() -> None:
    wrong = [Response("p", i, (5, i), True, 0) for i in range(6)]
    assert [row.rejected for row in build(Graded(PROMPTS, TAUGHT, RIGHT, wrong))] == [row.tokens for row in wrong]
    assert build(Graded(PROMPTS, TAUGHT, RIGHT)) == []


def test_the_end_token_of_an_incorrect_response_may_be_left_out() -> None:
    (row,) = build(Graded(PROMPTS, TAUGHT, RIGHT, WRONG), rejected_end=False)
    assert row.chosen_ends and not row.rejected_ends and row.rejected == WRONG[0].tokens
