"""`step_reinforce`: the advantage of its step is the coefficient of each token."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow, Response, ResponseValues
from synth_scaling.methods import Graded
from synth_scaling.methods.step_reinforce import METHOD, StepReinforceOptions, step_coefficients, step_reinforce

PROMPTS = {"p": (90,)}
TAUGHT = [Response("p", -1, (1, 2), True, 1)]
RIGHT, WRONG = Response("p", 0, (3, 4, 5), True, 1), Response("p", 1, (6, 7, 8), False, 0)
GRADED = Graded(
    PROMPTS,
    TAUGHT,
    [RIGHT],
    [WRONG],
    [ResponseValues(0, (1, 3), (0.5, 0.25, 1.0))],
    [ResponseValues(0, (2, 3), (0.5, 0.75, 0.0))],
    positive_logprobs=[(-0.5,) * 4],
    negative_logprobs=[(-2.0,) * 3],
)
EIGHTHS = st.sampled_from([i / 8 for i in range(9)])


def build(**options: object) -> list[PolicyRow]:
    return step_reinforce(GRADED, StepReinforceOptions(**options), np.random.default_rng(0))  # type: ignore[arg-type]


def test_rows_by_hand() -> None:
    """A correct response has steps that are lowered, an incorrect one steps that are raised."""
    assert build() == [
        PolicyRow((90,), (1, 2), True, True, (1.0,) * 3),
        PolicyRow((90,), (3, 4, 5), True, True, (-0.25, 0.75, 0.75, 0.75), (-0.5,) * 4),
        PolicyRow((90,), (6, 7, 8), False, False, (0.25, 0.25, -0.75), (-2.0,) * 3),
    ]
    assert build(demonstrations=0.0) == build()[1:]


def test_the_prover_adds_its_advantages() -> None:
    """Best of 2: 1 - 0.5^2 = 0.75, 1 - 0.75^2 = 0.4375, 1."""
    options = StepReinforceOptions(prover="best_of_k", best_of=2, alpha=2.0)
    coefficients = step_coefficients(GRADED.positive_values[0], options)
    assert coefficients == pytest.approx([-0.25 + 2 * (0.4375 - 0.75), 0.75 + 2 * (1 - 0.4375)])


@settings(max_examples=50)
@given(st.lists(EIGHTHS, min_size=2, max_size=6), st.sampled_from([1, 3]))
def test_coefficients_sum_to_the_rise_in_value(values: list[float], k: int) -> None:
    row = ResponseValues(0, tuple(range(1, len(values))), tuple(values))
    assert step_coefficients(row, StepReinforceOptions()).sum() == pytest.approx(values[-1] - values[0])
    best = step_coefficients(row, StepReinforceOptions(prover="best_of_k", best_of=1, alpha=1.0))
    assert best == pytest.approx(2 * step_coefficients(row, StepReinforceOptions(best_of=k)))


def test_responses_without_an_advantage_are_left_out() -> None:
    level = Graded(
        PROMPTS, [], [RIGHT], [], [ResponseValues(0, (1, 3), (1.0,) * 3)], [], positive_logprobs=[(-0.5,) * 4]
    )
    assert step_reinforce(level, StepReinforceOptions(), np.random.default_rng(0)) == []


def test_the_clip_goes_to_the_loss() -> None:
    assert METHOD.loss is not None and METHOD.loss(StepReinforceOptions(clip=0.1)) == PolicyLoss("clipped", clip=0.1)
