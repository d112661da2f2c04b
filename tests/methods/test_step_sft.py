"""`step_sft`: the chosen sides of `step_dpo`'s pairs, and D_syn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.records import NLLRow, PrefixValue, Response, ResponseValues
from synth_scaling.methods import Graded
from synth_scaling.methods.step_dpo import StepDPOOptions, step_dpo
from synth_scaling.methods.step_sft import StepSFTOptions, step_sft

PROMPTS = {"p": (90,), "q": (91, 92)}
TAUGHT = [Response("p", -1, (1, 2), True, 1), Response("q", -1, (3,), True, 1)]


@st.composite
def tables(draw: st.DrawFn) -> Graded:
    """Negatives of two problems with any values, positives and right completions, each of them perhaps missing."""
    right = draw(
        st.lists(st.builds(Response, st.sampled_from("pq"), st.just(0), st.just((1, 9)), st.just(True), st.just(1)))
    )
    negatives, values, prefixes = [], [], {}
    for i in range(draw(st.integers(0, 5))):
        tokens = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
        problem = draw(st.sampled_from("pq"))
        q = draw(st.lists(st.sampled_from([0.0, 0.25, 0.5]), min_size=len(tokens), max_size=len(tokens)))
        negatives.append(Response(problem, i, tokens, draw(st.booleans()), 0))
        values.append(ResponseValues(i, tuple(range(1, len(tokens) + 1)), (*q, 0.0)))
        for end in range(1, len(tokens)):
            actual = draw(st.lists(st.tuples(st.integers(4, 6)), max_size=2, unique=True))
            prefixes[problem, tokens[:end]] = PrefixValue(problem, tokens[:end], 0.5, 8, tuple(actual))
    return Graded(PROMPTS, TAUGHT, right, negatives, [], values, prefixes)


@settings(max_examples=100)
@given(tables(), st.integers(0, 9), st.sampled_from(["lowest", "first_zero"]))
def test_rows_are_the_chosen_sides_of_step_dpo_and_the_demonstrations(graded: Graded, seed: int, pit: str) -> None:
    pairs = step_dpo(graded, StepDPOOptions(pit=pit), np.random.default_rng(seed))
    rows = step_sft(graded, StepSFTOptions(pit=pit), np.random.default_rng(seed))
    taught = [NLLRow((90,), (1, 2), True), NLLRow((91, 92), (3,), True)]
    assert rows == [NLLRow(pair.prompt, pair.chosen, True) for pair in pairs] + taught


@pytest.mark.parametrize("demonstrations", [True, False])
def test_the_shared_prefix_is_prompt_and_the_negatives_tokens_are_nowhere(demonstrations: bool) -> None:
    negative, values = Response("p", 0, (1, 2, 66, 67), True, 0), ResponseValues(0, (2, 3, 4), (0.5, 0.5, 0.0, 0.0))
    known = {("p", (1, 2)): PrefixValue("p", (1, 2), 0.5, 8, ((7, 8),))}
    graded = Graded(PROMPTS, TAUGHT[:1], [], [negative], negative_values=[values], prefix_values=known)
    rows = step_sft(graded, StepSFTOptions(demonstrations=demonstrations), np.random.default_rng(0))
    assert rows == [NLLRow((90, 1, 2), (7, 8), True), NLLRow((90,), (1, 2), True)][: 1 + demonstrations]
