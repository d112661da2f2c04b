"""`rejected_only`: the rejected sides of `step_dpo`'s pairs, and D_syn set against itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.records import PreferenceRow, PrefixValue, Response, ResponseValues
from synth_scaling.methods import Graded
from synth_scaling.methods.rejected_only import RejectedOnlyOptions, rejected_only
from synth_scaling.methods.step_dpo import StepDPOOptions, step_dpo

PROMPTS = {"p": (90,), "q": (91, 92)}
TAUGHT = [Response("p", -1, (1, 2), True, 1), Response("q", -1, (3,), True, 1)]
ITSELF = [
    PreferenceRow((90,), (1, 2), True, (1, 2), True),
    PreferenceRow((91, 92), (3,), True, (3,), True),
]


@st.composite
def tables(draw: st.DrawFn) -> Graded:
    """Negatives of two problems with any values; correct completions of their prefixes, or none."""
    negatives, values, prefixes = [], [], {}
    for i in range(draw(st.integers(0, 5))):
        tokens = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
        problem = draw(st.sampled_from("pq"))
        q = draw(st.lists(st.sampled_from([0.0, 0.25, 0.5]), min_size=len(tokens), max_size=len(tokens)))
        negatives.append(Response(problem, i, tokens, draw(st.booleans()), 0))
        values.append(ResponseValues(i, tuple(range(1, len(tokens) + 1)), (*q, 0.0)))
        for end in range(1, len(tokens)):
            correct = draw(st.lists(st.tuples(st.integers(4, 6)), max_size=2, unique=True))
            prefixes[problem, tokens[:end]] = PrefixValue(problem, tokens[:end], 0.5, 8, tuple(correct))
    positives = [Response(problem, 9, (1, 9), True, 1) for problem in draw(st.sampled_from(["", "p", "pq"]))]
    return Graded(PROMPTS, TAUGHT, positives, negatives, [], values, prefixes)


@settings(max_examples=100)
@given(tables(), st.integers(0, 9), st.sampled_from(["lowest", "first_zero"]))
def test_rows_are_the_rejected_sides_of_step_dpo_and_the_demonstrations(graded: Graded, seed: int, pit: str) -> None:
    pairs = step_dpo(graded, StepDPOOptions(pit=pit), np.random.default_rng(seed))
    rows = rejected_only(graded, RejectedOnlyOptions(pit=pit), np.random.default_rng(seed))
    assert rows == [PreferenceRow(p.prompt, (), False, p.rejected, p.rejected_ends) for p in pairs] + ITSELF


@pytest.mark.parametrize("nll", [0.3, 0.0])
def test_no_correct_continuation_of_the_prefix_is_shown(nll: float) -> None:
    negative, values = Response("p", 0, (1, 2, 66, 67), True, 0), ResponseValues(0, (2, 3, 4), (0.5, 0.5, 0.0, 0.0))
    known = {("p", (1, 2)): PrefixValue("p", (1, 2), 0.5, 8, ((7, 8),))}
    graded = Graded(PROMPTS, TAUGHT, [], [negative], negative_values=[values], prefix_values=known)
    rows = rejected_only(graded, RejectedOnlyOptions(nll=nll), np.random.default_rng(0))
    assert rows == [PreferenceRow((90, 1, 2), (), False, (66,), False), *(ITSELF if nll else [])]
