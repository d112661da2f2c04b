"""`advantage_weighted`: each token weighs what its step's advantage says, with mean 1."""

from itertools import pairwise
from math import e

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.records import NLLRow, Response, ResponseValues
from synth_scaling.methods import Graded
from synth_scaling.methods.advantage_weighted import AdvantageWeightedOptions, advantage_weighted, weights_of

PROMPTS = {"p": (90,)}
TAUGHT = [Response("p", -1, (1, 2), True, 1)]
TAUGHT_ROW = NLLRow((90,), (1, 2), True)
EIGHTHS = st.sampled_from([i / 8 for i in range(9)])


def table(*responses: tuple[tuple[int, ...], bool, int, tuple[float, ...]]) -> Graded:
    """D_syn and responses given as (ends, finished, reward, Q_0..Q_L); their tokens count up from 10."""
    rows = [Response("p", i, tuple(range(10, 10 + ends[-1])), f, r) for i, (ends, f, r, _) in enumerate(responses)]
    values = [ResponseValues(0, ends, q) for ends, _, _, q in responses]
    of = {r: [i for i, row in enumerate(rows) if row.reward == r] for r in (1, 0)}
    return Graded(
        PROMPTS,
        TAUGHT,
        [rows[i] for i in of[1]],
        [rows[i] for i in of[0]],
        [values[i] for i in of[1]],
        [values[i] for i in of[0]],
    )


@st.composite
def tables(draw: st.DrawFn) -> Graded:
    responses = []
    for _ in range(draw(st.integers(1, 5))):
        ends = tuple(sorted(draw(st.sets(st.integers(1, 6), min_size=1, max_size=4))))
        reward = draw(st.integers(0, 1))
        q = draw(st.lists(EIGHTHS, min_size=len(ends), max_size=len(ends)))
        responses.append((ends, bool(reward) or draw(st.booleans()), reward, (*q, float(reward))))
    return table(*responses)


def build(graded: Graded, **options: object) -> list[NLLRow]:
    settings_ = AdvantageWeightedOptions(**options)  # type: ignore[arg-type]
    return advantage_weighted(graded, settings_, np.random.default_rng(0))


def own(rows: list[NLLRow]) -> list[tuple[float, ...]]:
    """The weights of the self-generated responses."""
    return [row.weights for row in rows if row.weights is not None]


# -- by hand ----------------------------------------------------------------------------------------------------------


def test_exponential_weights_by_hand() -> None:
    # Steps (10 11) (12 13 14), the end token with the second: advantages 0.25 and 0.5 are weights e and e^2.
    rows = build(table(((2, 5), True, 1, (0.25, 0.5, 1.0))), beta=0.25)
    mean = (2 * e + 4 * e**2) / 6
    assert rows[0].weights == pytest.approx([e / mean] * 2 + [e**2 / mean] * 4)
    assert (rows[0].prompt, rows[0].completion, rows[0].ends) == ((90,), (10, 11, 12, 13, 14), True)
    assert rows[1:] == [TAUGHT_ROW]


def test_the_end_token_belongs_to_the_last_step_of_a_finished_response_only() -> None:
    values = (0.5, 0.75, 0.0)
    finished, cut = (build(table(((1, 2), f, 0, values)), beta=0.25)[0] for f in (True, False))
    assert finished.weights is not None and cut.weights is not None
    assert len(finished.weights) == 3 and finished.weights[2] == finished.weights[1] < finished.weights[0]
    assert len(cut.weights) == 2 and not cut.ends


def test_positive_weights_drop_steps_that_gain_nothing() -> None:
    rows = build(table(((1, 2, 3), True, 1, (0.5, 0.75, 0.5, 1.0))), weight="positive")
    assert rows[0].weights == pytest.approx([0.25 / 0.3125, 0.0, 0.5 / 0.3125, 0.5 / 0.3125])  # mean 1.25 / 4


def test_weights_are_clipped() -> None:
    options = AdvantageWeightedOptions(beta=0.1, clip=10.0)
    assert weights_of(np.array([-1.0, 0.0, 0.1, 1.0]), options) == pytest.approx([np.exp(-10), 1.0, e, 10.0])


def test_positives_come_before_negatives_before_demonstrations() -> None:
    rows = build(table(((1,), True, 0, (0.5, 0.0)), ((2,), True, 1, (0.5, 1.0))))
    assert [row.completion for row in rows] == [(10, 11), (10,), (1, 2)]
    assert rows[-1] == TAUGHT_ROW


def test_demonstrations_may_be_left_out() -> None:
    graded = table(((1,), True, 1, (0.5, 1.0)))
    assert build(graded, demonstrations=False) == build(graded)[:-1]


def test_without_self_generated_responses_the_demonstrations_are_left() -> None:
    assert build(Graded(PROMPTS, TAUGHT)) == [TAUGHT_ROW]


def test_without_any_gain_positive_weights_are_all_zero() -> None:
    assert own(build(table(((1, 2), True, 0, (0.5, 0.25, 0.0))), weight="positive")) == [(0.0, 0.0, 0.0)]


# -- whatever the values ----------------------------------------------------------------------------------------------

PROPERTY = settings(max_examples=100)


@PROPERTY
@given(tables(), st.sampled_from([0.1, 0.25, 1.0]), st.sampled_from(["exp", "positive"]))
def test_weights_have_mean_one_over_the_trained_tokens(graded: Graded, beta: float, weight: str) -> None:
    rows = build(graded, beta=beta, weight=weight)
    for row in rows[: -len(TAUGHT)]:
        assert row.weights is not None and len(row.weights) == len(row.completion) + row.ends
    weights = np.concatenate(own(rows))
    assert (weights >= 0).all()
    if weights.any():
        assert weights.mean() == pytest.approx(1.0)


@PROPERTY
@given(tables(), EIGHTHS, st.sampled_from([0.1, 0.25, 0.7]))
def test_equal_advantages_give_weights_of_exactly_one(graded: Graded, first: float, beta: float) -> None:
    """Rows as if unweighted: advantage-weighted training then is RFT, bit for bit."""
    level = [ResponseValues(0, row.ends, (first,) * len(row.values)) for row in graded.positive_values]
    flat = Graded(PROMPTS, TAUGHT, graded.positives, [], level, [])
    assert all(weight == 1.0 for weights in own(build(flat, beta=beta)) for weight in weights)


@pytest.mark.parametrize("gain", [0.125, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("weight", ["exp", "positive"])
def test_equal_gains_give_weights_of_exactly_one(gain: float, weight: str) -> None:
    for tokens in range(1, 60):
        rows = build(table(((tokens,), True, 1, (0.0, gain))), weight=weight, beta=0.25)
        assert set(own(rows)[0]) == {1.0}


@PROPERTY
@given(tables())
def test_a_larger_advantage_never_weighs_less(graded: Graded) -> None:
    responses = [*graded.positives, *graded.negatives]
    values = [*graded.positive_values, *graded.negative_values]
    gains: list[float] = []
    for response, row in zip(responses, values, strict=True):
        steps = [step for step, (a, b) in enumerate(pairwise((0, *row.ends))) for _ in range(a, b)]
        gains += [row.values[step + 1] - row.values[step] for step in steps + steps[-1:] * response.finished]
    for weight in ("exp", "positive"):
        weights = np.concatenate(own(build(graded, weight=weight, clip=3.0)))
        assert (np.diff(weights[np.argsort(gains, kind="stable")]) >= -1e-12).all()
