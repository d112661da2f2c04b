"""`nft`: problems with correct and incorrect rollouts, weighted by their pass rate."""

from math import sqrt

import numpy as np
import pytest

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow, Response
from synth_scaling.methods import Graded
from synth_scaling.methods.nft import METHOD, NFTOptions, nft, problem_weight

PROMPTS = {name: (90 + i,) for i, name in enumerate("pqrs")}
TAUGHT = [Response("p", -1, (1,), True, 1)]
POSITIVES = [Response(name, 0, (2,), True, 1) for name in "pqs"]
NEGATIVES = [Response(name, 1, (3,), False, 0) for name in "prs"]
GRADED = Graded(
    PROMPTS,
    TAUGHT,
    POSITIVES,
    NEGATIVES,
    positive_logprobs=[(-0.5, -0.5)] * 3,
    negative_logprobs=[(-2.0,)] * 3,
    pass_rates={"p": 0.75, "q": 1.0, "r": 0.0, "s": 0.001},  # of the rollouts
)
D_SYN = [PolicyRow((90,), (1,), True, True, (1.0, 1.0))]


def build(**options: object) -> list[PolicyRow]:
    return nft(GRADED, NFTOptions(**options), np.random.default_rng(0))  # type: ignore[arg-type]


def test_problems_all_correct_or_all_incorrect_are_left_out_and_rates_are_within_bounds() -> None:
    assert build() == [
        *D_SYN,
        PolicyRow((90,), (2,), True, True, (0.25, 0.25), (-0.5, -0.5), 0.75),
        PolicyRow((93,), (2,), True, True, (0.98, 0.98), (-0.5, -0.5), 0.02),
        PolicyRow((90,), (3,), False, False, (-0.25,), (-2.0,), 0.75),
        PolicyRow((93,), (3,), False, False, (-0.98,), (-2.0,), 0.02),
    ]


def test_negatives_may_weigh_less_or_be_left_out() -> None:
    assert build(negative=0.0) == build()[:3]
    assert [row.coefficients for row in build(negative=0.5)[3:]] == [(-0.125,), (-0.49,)]


@pytest.mark.parametrize(("weight", "expected"), [("one", 1.0), ("difficulty", 0.2), ("odds", sqrt(0.2 / 0.8))])
def test_weights_of_a_problem(weight: str, expected: float) -> None:
    assert problem_weight(0.8, weight) == pytest.approx(expected)


def test_the_floor_goes_to_the_loss() -> None:
    assert METHOD.loss is not None and METHOD.loss(NFTOptions(floor=0.5)) == PolicyLoss("nft", floor=0.5)
