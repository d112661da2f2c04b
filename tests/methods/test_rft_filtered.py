"""`rft_filtered`: the spurious steps' responses are left out, or those steps' tokens alone."""

import numpy as np
import pytest

from synth_scaling.core.records import NLLRow, Response, ResponseValues
from synth_scaling.methods import Graded
from synth_scaling.methods.rft import RFTOptions, rft
from synth_scaling.methods.rft_filtered import RFTFilteredOptions, rft_filtered

PROMPTS = {"p": (90,)}
TAUGHT = [Response("p", -1, (1, 2), True, 1)]
GOOD = Response("p", 0, (3, 4, 5), True, 1)
# Steps (6 7) (8) (9 10): the first gains nothing, the second loses half, the last gains it back.
DETOUR = Response("p", 1, (6, 7, 8, 9, 10), True, 1)
VALUES = [ResponseValues(0, (1, 3), (0.25, 0.5, 1.0)), ResponseValues(1, (2, 3, 5), (0.75, 0.75, 0.25, 1.0))]
GRADED = Graded(PROMPTS, TAUGHT, [GOOD, DETOUR], positive_values=VALUES)


def build(graded: Graded = GRADED, **options: object) -> list[NLLRow]:
    return rft_filtered(graded, RFTFilteredOptions(**options), np.random.default_rng(0))  # type: ignore[arg-type]


def test_a_response_with_a_spurious_step_is_left_out() -> None:
    assert build() == [NLLRow((90,), (1, 2), True), NLLRow((90,), (3, 4, 5), True)]


@pytest.mark.parametrize(
    ("threshold", "weights"),
    [(-0.25, (1, 1, 0, 1, 1, 1)), (-0.5, (1, 1, 0, 1, 1, 1)), (0.0, (0, 0, 0, 1, 1, 1)), (0.75, (0, 0, 0, 0, 0, 1))],
)
def test_a_spurious_steps_tokens_weigh_nothing_and_the_end_token_one(
    threshold: float, weights: tuple[float, ...]
) -> None:
    rows = build(drop="tokens", spurious_threshold=threshold)
    assert rows[-1] == NLLRow((90,), (6, 7, 8, 9, 10), True, weights)


@pytest.mark.parametrize("drop", ["responses", "tokens"])
def test_where_no_step_is_spurious_it_is_rft(drop: str) -> None:
    assert build(drop=drop, spurious_threshold=-0.75) == rft(GRADED, RFTOptions(), np.random.default_rng(0))


@pytest.mark.parametrize("drop", ["responses", "tokens"])
def test_the_teachers_response_is_retained_once(drop: str) -> None:
    again = Response("p", 0, (1, 2), True, 1)
    graded = Graded(PROMPTS, TAUGHT, [again], positive_values=[ResponseValues(0, (1, 2), (1.0, 0.0, 1.0))])
    assert build(graded, drop=drop) == [NLLRow((90,), (1, 2), True)]


def test_every_positive_needs_its_values() -> None:
    with pytest.raises(ValueError, match="shorter"):
        build(Graded(PROMPTS, TAUGHT, [GOOD, DETOUR], positive_values=VALUES[:1]))
