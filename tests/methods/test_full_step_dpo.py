"""`full_step_dpo`: pairs of whole responses, each token weighted by a softmax of the value of its step."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from synth_scaling.core.records import Response, ResponseValues, StepPairRow
from synth_scaling.core.step_pair_loss import StepPairLoss
from synth_scaling.core.validation import ConfigError
from synth_scaling.methods import Graded, check_method
from synth_scaling.methods.full_step_dpo import METHOD, FullStepDPOOptions, full_step_dpo, token_weights
from tests.support.credit_chain import MOVES, value

PROMPTS = {"p": (90,), "q": (91,)}
GRADED = Graded(
    PROMPTS,
    [Response("p", -1, (1, 2), True, 1)],
    [Response("p", 0, (3, 4, 5), True, 1)],
    [Response("p", 1, (6, 7, 8), False, 0), Response("q", 0, (9,), False, 0)],
    [ResponseValues(0, (1, 3), (0.5, 0.0, 1.0))],
    [ResponseValues(0, (2, 3), (0.5, 1.0, 0.0)), ResponseValues(1, (1,), (0.0, 0.0))],
    positive_logprobs=[(-0.5,) * 4],
    negative_logprobs=[(-2.0,) * 3, (-1.0,)],
)
GAMMA = float(np.log(2))


def build(graded: Graded = GRADED, **options: object) -> list[StepPairRow]:
    return full_step_dpo(graded, FullStepDPOOptions(**options), np.random.default_rng(0))  # type: ignore[arg-type]


def test_the_pair_by_hand() -> None:
    """Values 0, 1 at gamma = log 2: the second step weighs twice the first; q has no positive, and no pair."""
    (row,) = build(gamma=GAMMA)
    assert (row.prompt, row.chosen, row.chosen_ends) == ((90,), (3, 4, 5), True)
    assert row.chosen_weights == pytest.approx((1 / 7, 2 / 7, 2 / 7, 2 / 7))  # the end token is of the last step
    assert (row.rejected, row.rejected_ends) == ((6, 7, 8), False)
    assert row.rejected_weights == pytest.approx((1 / 4, 1 / 4, 2 / 4))
    assert row.chosen_reference == (-0.5,) * 4 and row.rejected_reference == (-2.0,) * 3


def test_without_gamma_every_token_weighs_the_same() -> None:
    (row,) = build(gamma=0.0)
    assert row.chosen_weights == (1 / 4,) * 4 and row.rejected_weights == pytest.approx((1 / 3,) * 3)


def test_each_negative_draws_one_of_its_problems_positives() -> None:
    second = Response("p", 2, (4, 4), True, 1)
    graded = replace(
        GRADED,
        positives=[*GRADED.positives, second],
        positive_values=[*GRADED.positive_values, ResponseValues(1, (2,), (0.5, 1.0))],
        positive_logprobs=[*GRADED.positive_logprobs, (-0.1,) * 3],
    )
    options = FullStepDPOOptions()
    chosen = {full_step_dpo(graded, options, np.random.default_rng(s))[0].chosen for s in range(8)}
    assert chosen == {(3, 4, 5), (4, 4)}


def test_on_the_markov_chain_the_step_that_loses_the_last_chance_weighs_most() -> None:
    """Of every incorrect response the weight is least before the first error, and largest from it on."""
    for moves in itertools.product("rw", repeat=MOVES):
        if moves.count("w") < 2:
            continue
        values = tuple(value("".join(f"{move}." for move in moves[:i])) for i in range(MOVES + 1))
        response = Response("p", 0, tuple(range(2 * MOVES)), True, 0)
        row = ResponseValues(0, tuple(range(2, 2 * MOVES + 1, 2)), values)
        weights = np.array(token_weights(response, row, -1.0))
        assert weights.sum() == pytest.approx(1.0) and len(weights) == 2 * MOVES + 1
        error = values.index(0.0)  # the step after which no completion is correct
        assert weights[2 * (error - 1) :] == pytest.approx([weights.max()] * (2 * (MOVES - error + 1) + 1))
        assert (weights[: 2 * (error - 1)] < weights.max()).all()


def test_options_go_to_the_loss_and_are_checked() -> None:
    assert METHOD.loss is not None
    assert METHOD.loss(FullStepDPOOptions(beta=0.05, rate=0.5, nll=2.0)) == StepPairLoss(0.05, 0.5, 2.0)
    for key, wrong in (("beta", 0.0), ("gamma", -1.0), ("rate", -0.5), ("nll", -1.0)):
        with pytest.raises(ConfigError, match=f"method.{key}={wrong}"):
            check_method(METHOD, FullStepDPOOptions(**{key: wrong}))  # type: ignore[arg-type]
