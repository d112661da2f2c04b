"""`method.rejected_end=false` of the methods on whole responses: incorrect ones without their end token."""

from dataclasses import fields, replace

import numpy as np
import pytest

from synth_scaling.core.records import Response
from synth_scaling.methods import METHODS, Graded
from synth_scaling.methods.method import ends_kept
from synth_scaling.testing.method_contract import artificial, check_method

WITH_KEY = [n for n in METHODS if "rejected_end" in {entry.name for entry in fields(METHODS[n].options)}]


def test_the_methods_on_whole_incorrect_responses_have_the_key() -> None:
    assert WITH_KEY == ["dpo", "dpo_edit_distance", "full_step_dpo", "reinforce", "topr", "nft", "kto"]


@pytest.mark.parametrize("name", WITH_KEY)
def test_rows_are_those_of_incorrect_responses_that_were_cut_before_their_end(name: str) -> None:
    method, options = METHODS[name], METHODS[name].options(rejected_end=False)  # type: ignore[call-arg]
    check_method(method, options)
    graded = artificial(method.uses)
    cut = replace(
        graded,
        negatives=[replace(response, finished=False) for response in graded.negatives],
        negative_logprobs=[reference[:-1] for reference in graded.negative_logprobs],
    )
    rows = method.build(graded, options, np.random.default_rng(0))
    assert rows == method.build(cut, method.options(), np.random.default_rng(0))
    assert rows != method.build(graded, method.options(), np.random.default_rng(0))


@pytest.mark.parametrize("name", WITH_KEY)
def test_an_empty_incorrect_response_keeps_its_end_for_nothing_else_is_left(name: str) -> None:
    method = METHODS[name]
    graded = artificial(method.uses)
    values = [replace(v, ends=(0,), values=(0.5, 0.0)) for v in graded.negative_values]
    empty = replace(
        graded,
        negatives=[replace(response, tokens=()) for response in graded.negatives],
        negative_values=values,
        negative_logprobs=[(-0.5,) for _ in graded.negative_logprobs],
    )
    without = method.build(empty, method.options(rejected_end=False), np.random.default_rng(0))  # type: ignore[call-arg]
    assert without == method.build(empty, method.options(), np.random.default_rng(0))


def test_correct_responses_and_absent_log_probabilities_stay_as_they_are() -> None:
    ended, open_ = Response("p", 0, (1, 2), True, 0), Response("p", 1, (3,), False, 0)
    graded = Graded({"p": (9,)}, [Response("p", -1, (4,), True, 1)], [Response("p", 2, (5,), True, 1)], [ended, open_])
    kept = ends_kept(graded, False)
    assert kept == replace(graded, negatives=[replace(ended, finished=False), open_], negative_logprobs=[])
    assert ends_kept(graded, True) is graded
