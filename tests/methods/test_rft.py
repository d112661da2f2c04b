"""`rft`: D_syn and the policy's own correct responses, none twice."""

import numpy as np
import pytest

from synth_scaling.core.records import NLLRow, Response
from synth_scaling.methods import METHODS, Graded
from synth_scaling.methods.rft import RFTOptions, rft
from synth_scaling.sampling.selection import positives

PROMPTS = {"p": (90,), "q": (91, 92)}
TAUGHT = [Response("p", -1, (1, 2, 3), True, 1), Response("q", -1, (4,), True, 1)]


def own(problem: str, *tokens: int) -> Response:
    return Response(problem, 0, tokens, True, 1)


def build(positives: list[Response]) -> list[NLLRow]:
    return rft(Graded(PROMPTS, TAUGHT, positives), RFTOptions(), np.random.default_rng(0))


def test_demonstrations_precede_self_generated_responses() -> None:
    rows = build([own("p", 1, 3), own("q", 4, 4)])
    assert rows == [
        NLLRow((90,), (1, 2, 3), True),
        NLLRow((91, 92), (4,), True),
        NLLRow((90,), (1, 3), True),
        NLLRow((91, 92), (4, 4), True),
    ]


def test_a_response_that_the_teacher_gave_too_is_trained_on_once() -> None:
    assert build([own("p", 1, 2, 3)]) == build([])


def test_the_same_tokens_for_another_problem_are_retained() -> None:
    assert build([own("q", 1, 2, 3)])[2:] == [NLLRow((91, 92), (1, 2, 3), True)]


def test_without_positives_rft_is_sft() -> None:
    taught = Graded(PROMPTS, TAUGHT)
    assert build([]) == METHODS["sft"].build(taught, METHODS["sft"].options(), np.random.default_rng(0))  # type: ignore[call-arg]


@pytest.mark.parametrize(("k", "expected"), [(0, []), (1, [(5,)]), (2, [(5,), (6, 6)]), (9, [(5,), (6, 6), (5, 6)])])
def test_k_bounds_the_distinct_responses_a_problem(k: int, expected: list[tuple[int, ...]]) -> None:
    sampled = [own("p", *tokens) for tokens in ((5,), (5, 6), (5,), (6, 6))]
    assert [row.completion for row in build(positives(sampled, k))[2:]] == expected
