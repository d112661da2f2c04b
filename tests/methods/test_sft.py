"""`sft` trains on D_syn and on nothing else."""

import numpy as np

from synth_scaling.core.records import NLLRow, Response
from synth_scaling.methods import METHODS, Graded
from synth_scaling.methods.sft import SFTOptions, sft

PROMPTS = {"p": (90, 91), "q": (92,)}
TAUGHT = [Response("p", -1, (1, 2, 3), True, 1), Response("q", -1, (4,), True, 1)]


def test_one_row_per_demonstration_after_its_prompt() -> None:
    rows = sft(Graded(PROMPTS, TAUGHT), SFTOptions(), np.random.default_rng(0))
    assert rows == [NLLRow((90, 91), (1, 2, 3), True, None), NLLRow((92,), (4,), True, None)]


def test_self_generated_responses_are_ignored() -> None:
    selected = [Response("p", 0, (1, 9), True, 1), Response("p", 1, (8,), True, 0)]
    rng = np.random.default_rng(0)
    assert sft(Graded(PROMPTS, TAUGHT, selected[:1], selected[1:]), SFTOptions(), rng) == sft(
        Graded(PROMPTS, TAUGHT), SFTOptions(), rng
    )
    assert METHODS["sft"].uses == frozenset() and METHODS["sft"].objective == "nll"
