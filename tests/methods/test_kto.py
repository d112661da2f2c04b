"""`kto`: every response once, desirable if it is correct."""

import numpy as np
import pytest

from synth_scaling.core.records import Response, UnpairedRow
from synth_scaling.core.validation import ConfigError
from synth_scaling.methods import Graded, check_method
from synth_scaling.methods.kto import METHOD, KTOOptions, kto

PROMPTS = {"p": (90,), "q": (91,)}
GRADED = Graded(
    PROMPTS,
    [Response("p", -1, (1, 2), True, 1)],
    [Response("p", 0, (1, 2), True, 1), Response("p", 1, (3,), True, 1)],
    [Response("q", 0, (4,), False, 0), Response("q", 1, (5,), True, 0)],
)
ROWS = {
    UnpairedRow((90,), (1, 2), True, True),
    UnpairedRow((90,), (3,), True, True),
    UnpairedRow((91,), (4,), False, False),  # all responses to q are incorrect: it takes part
    UnpairedRow((91,), (5,), True, False),
}


def build(seed: int, **options: object) -> list[UnpairedRow]:
    return kto(GRADED, KTOOptions(**options), np.random.default_rng(seed))  # type: ignore[arg-type]


def test_each_response_is_one_row_and_the_order_is_drawn() -> None:
    orders = [build(seed) for seed in range(8)]
    assert all(len(rows) == 4 and set(rows) == ROWS for rows in orders)
    assert len({tuple(rows) for rows in orders}) > 1 and build(3) == orders[3]


def test_without_d_syn_a_sample_that_repeats_it_takes_part() -> None:
    assert set(build(0, demonstrations=False)) == ROWS


def test_the_end_token_of_an_incorrect_response_may_be_left_out() -> None:
    rows = set(build(0, rejected_end=False))
    assert rows == {UnpairedRow(r.prompt, r.completion, r.ends and r.desirable, r.desirable) for r in ROWS} != ROWS


@pytest.mark.parametrize("key", ["beta", "desirable", "undesirable"])
def test_weights_are_above_zero(key: str) -> None:
    with pytest.raises(ConfigError, match=f"method.{key}=0.0: allowed are values above 0"):
        check_method(METHOD, KTOOptions(**{key: 0.0}))
