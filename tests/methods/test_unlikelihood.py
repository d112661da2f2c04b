"""`unlikelihood`: the first error of each incorrect response, after the steps before it; and D_syn."""

import numpy as np
import pytest

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow, Response, ResponseValues
from synth_scaling.methods import Graded
from synth_scaling.methods.unlikelihood import METHOD, UnlikelihoodOptions, unlikelihood

PROMPTS = {"p": (90,)}
TAUGHT = [Response("p", -1, (1, 2), True, 1)]
D_SYN = PolicyRow((90,), (1, 2), True, True, (1.0,) * 3)


def rows_of(response: Response, values: tuple[float, ...], **options: object) -> list[PolicyRow]:
    graded = Graded(PROMPTS, TAUGHT, [], [response], negative_values=[ResponseValues(0, (2, 3, 5), values)])
    return unlikelihood(graded, UnlikelihoodOptions(**options), np.random.default_rng(0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ((0.5, 0.0, 0.0, 0.0), PolicyRow((90,), (5, 6), False, False, (-1.0,) * 2)),
        ((0.5, 0.5, 0.0, 0.0), PolicyRow((90, 5, 6), (7,), False, False, (-1.0,))),
        ((0.5, 0.5, 0.25, 0.0), PolicyRow((90, 5, 6, 7), (8, 9), True, False, (-1.0,) * 3)),
    ],
    ids=["first step", "middle", "last step, with the end token"],
)
def test_the_first_error_alone_is_lowered(values: tuple[float, ...], row: PolicyRow) -> None:
    assert rows_of(Response("p", 0, (5, 6, 7, 8, 9), True, 0), values) == [D_SYN, row]


def test_a_response_that_was_cut_has_no_end_token() -> None:
    (row,) = rows_of(Response("p", 0, (5, 6, 7, 8, 9), False, 0), (0.5, 0.5, 0.25, 0.0), demonstrations=0.0)
    assert row.completion == (8, 9) and not row.ends and len(row.coefficients) == 2


def test_weight_and_floor_go_to_row_and_loss() -> None:
    *_, row = rows_of(Response("p", 0, (5, 6, 7, 8, 9), True, 0), (0.5, 0.5, 0.0, 0.0), negative=0.25)
    assert row.coefficients == (-0.25,)
    assert METHOD.loss is not None
    assert METHOD.loss(UnlikelihoodOptions(floor=0.1)) == PolicyLoss("unlikelihood", floor=0.1)
