"""`reinforce` and `topr`: D_syn, then correct responses with a positive coefficient, then incorrect ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow, Response
from synth_scaling.core.validation import ConfigError
from synth_scaling.methods import METHODS, Graded, check_method
from synth_scaling.methods.reinforce import ReinforceOptions, reinforce
from synth_scaling.methods.rft import RFTOptions, rft
from synth_scaling.methods.topr import TOPROptions, topr

PROMPTS = {"p": (90,), "q": (91, 92)}
TAUGHT = [Response("p", -1, (1, 2), True, 1), Response("q", -1, (3,), True, 1)]
POSITIVES = [Response("p", 0, (1, 2), True, 1), Response("p", 1, (1, 4, 2), True, 1)]
NEGATIVES = [Response("q", 2, (5, 6), True, 0), Response("q", 3, (5, 5, 5), False, 0)]
LOGPROBS = [(-0.5,) * 3, (-0.25,) * 4, (-1.0, -2.0, -3.0), (-0.125,) * 3]
GRADED = Graded(PROMPTS, TAUGHT, POSITIVES, NEGATIVES, positive_logprobs=LOGPROBS[:2], negative_logprobs=LOGPROBS[2:])
RNG = np.random.default_rng(0)
D_SYN = [PolicyRow((90,), (1, 2), True, True, (1.0,) * 3), PolicyRow((91, 92), (3,), True, True, (1.0,) * 2)]


def test_rows_by_hand_with_the_end_token_of_finished_responses_only() -> None:
    rows = topr(GRADED, TOPROptions(positive=0.5, negative=2.0), RNG)
    assert rows == [
        *D_SYN,
        PolicyRow((90,), (1, 4, 2), True, True, (0.5,) * 4, LOGPROBS[1]),
        PolicyRow((91, 92), (5, 6), True, False, (-2.0,) * 3, LOGPROBS[2]),
        PolicyRow((91, 92), (5, 5, 5), False, False, (-2.0,) * 3, LOGPROBS[3]),
    ]


def test_a_positive_that_repeats_d_syn_counts_once_and_is_a_sample_without_it() -> None:
    rows = reinforce(GRADED, ReinforceOptions(demonstrations=0.0, negative=0.0), RNG)
    assert [row.completion for row in rows] == [(1, 2), (1, 4, 2)]


@pytest.mark.parametrize(
    ("options", "signs"),
    [
        (ReinforceOptions(positive=0.1), [1.0, 1.0, 0.1, -1.0, -1.0]),  # W-REINFORCE
        (ReinforceOptions(positive=0.0), [1.0, 1.0, -1.0, -1.0]),  # NSR
        (ReinforceOptions(negative=0.0), [1.0, 1.0, 1.0]),  # PSR
        (ReinforceOptions(demonstrations=0.25, negative=0.0), [0.25, 0.25, 1.0]),
    ],
    ids=["weighted", "negatives only", "positives only", "less of D_syn"],
)
def test_lambda_goes_from_negatives_only_to_positives_only(options: ReinforceOptions, signs: list[float]) -> None:
    assert [row.coefficients[0] for row in reinforce(GRADED, options, RNG)] == signs


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("pq"), st.lists(st.integers(1, 3), max_size=3)), max_size=5))
def test_positives_only_has_the_rows_of_rft(texts: list[tuple[str, list[int]]]) -> None:
    positives = [Response(problem, i, tuple(tokens), True, 1) for i, (problem, tokens) in enumerate(texts)]
    graded = Graded(PROMPTS, TAUGHT, positives, NEGATIVES)
    rows = reinforce(graded, ReinforceOptions(negative=0.0), RNG)
    expected = rft(graded, RFTOptions(), RNG)
    assert [(r.prompt, r.completion, r.ends) for r in rows] == [(r.prompt, r.completion, r.ends) for r in expected]
    assert all(set(row.coefficients) == {1.0} and row.reference is None for row in rows)


def test_the_losses_are_those_of_the_options() -> None:
    losses = [METHODS[o.name].loss(o) for o in (ReinforceOptions(), TOPROptions(), TOPROptions(ratio="token"))]  # type: ignore[misc]
    assert losses == [PolicyLoss("reinforce"), PolicyLoss("topr", ratio="response"), PolicyLoss("topr", ratio="token")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ReinforceOptions(positive=0, negative=0), "method.positive=0: allowed are values above 0 with"),
        (ReinforceOptions(positive=-0.1), "method.positive=-0.1: allowed are values of at least 0"),
        (ReinforceOptions(negative=-1), "method.negative=-1: allowed are values of at least 0"),
        (TOPROptions(demonstrations=-1), "method.demonstrations=-1: allowed are values of at least 0"),
        (TOPROptions(ratio="row"), "method.ratio=row: allowed are response, token"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_options_that_cannot_be_are_refused(options: ReinforceOptions | TOPROptions, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_method(METHODS[options.name], options)
    assert str(error.value).startswith(message)
