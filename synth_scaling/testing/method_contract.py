"""The promises of :class:`synth_scaling.methods.Method`, checked on one method with artificial data."""

from __future__ import annotations

import copy
import math
from dataclasses import fields, is_dataclass

import numpy as np

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import (
    NLLRow,
    PolicyRow,
    PreferenceRow,
    PrefixValue,
    Response,
    ResponseValues,
    StepPairRow,
    UnpairedRow,
)
from synth_scaling.core.step_pair_loss import StepPairLoss
from synth_scaling.methods import ExpectedData, Graded, Method, MethodOptions, PreferenceOptions
from synth_scaling.methods import check_method as check_options
from synth_scaling.methods.method import ROWS, UnpairedOptions

PARTS = {"positives", "negatives", "positive_values", "negative_values", "reference_logprobs"}
LOSSES = {"policy": PolicyLoss, "step_pairs": StepPairLoss}  # by the objectives that have one
PROBLEMS, STEPS, STEP = 6, 3, 2  # steps per response, tokens per step
VOCABULARY = 50


def check_method(method: Method, options: MethodOptions | None = None) -> None:
    """Check `method` with `options`, its defaults if None, on artificial graded responses.

    Checked: the entry's fields, accepted default options, valid rows of the stated objective, the same rows from the
    same random generator, inputs that stay as they are, use of the listed parts only, and the expected number of
    tokens. Raises AssertionError.
    """
    assert isinstance(method, Method), f"{method!r}: not a Method"
    assert method.uses <= PARTS, f"uses: {sorted(method.uses - PARTS)} unknown; allowed are {sorted(PARTS)}"
    assert is_dataclass(method.options) and issubclass(method.options, MethodOptions), "options: not of MethodOptions"
    options = options or method.options()
    assert options.name, "options.name: empty"
    assert method.objective in ROWS, f"objective: {method.objective!r} is none of {', '.join(ROWS)}"
    preference = method.objective == "preference"
    assert isinstance(options, PreferenceOptions) == preference, "options: PreferenceOptions go with preferences"
    unpaired = method.objective == "unpaired"
    assert isinstance(options, UnpairedOptions) == unpaired, "options: UnpairedOptions go with objective unpaired"
    needs_loss = method.objective in LOSSES
    assert (method.loss is not None) == needs_loss, f"loss: goes with objective {' or '.join(LOSSES)}"
    check_options(method, options)
    graded = artificial(method.uses)
    before = copy.deepcopy(graded)
    rows = method.build(graded, options, np.random.default_rng(0))
    assert graded == before, "build: changes its input"
    assert rows == method.build(graded, options, np.random.default_rng(0)), "build: not a function of its generator"
    assert rows, "build: no rows from graded responses of every kind that it uses"
    for row in rows:
        _check_row(row, ROWS[method.objective])
    if method.loss is not None:
        kind = LOSSES[method.objective]
        assert isinstance(method.loss(options), kind), f"loss: not a {kind.__name__}"
    _check_tokens(method, options)


def artificial(uses: frozenset[str] = frozenset(PARTS)) -> Graded:
    """Two correct and two incorrect responses to each of six problems, with step values; of the parts in `uses` only.

    An incorrect response has its first error at its second or its third step, before which a correct completion is
    known.
    """
    rng = np.random.default_rng(0)
    length = STEPS * STEP
    prompts = {f"train/{i}": tuple(rng.integers(VOCABULARY, size=3).tolist()) for i in range(PROBLEMS)}

    def responses(reward: int, first: int) -> list[Response]:
        draws = [(name, sample) for name in prompts for sample in range(first, first + 2)]
        return [Response(p, s, tuple(rng.integers(VOCABULARY, size=length).tolist()), True, reward) for p, s in draws]

    demonstrations = [Response(p, -1, tuple(rng.integers(VOCABULARY, size=length).tolist()), True, 1) for p in prompts]
    positives, negatives = responses(1, 0), responses(0, 2)
    ends = tuple(range(STEP, length + 1, STEP))
    positive_values = [ResponseValues(i, ends, (0.5, 0.75, 0.25, 1.0)) for i in range(len(positives))]
    profiles = [(0.5, 0.5, 0.0, 0.0), (0.5, 0.5, 0.25, 0.0)]
    negative_values = [ResponseValues(i, ends, profiles[i % 2]) for i in range(len(negatives))]
    prefix_values = {}
    for response, values in zip(negatives, negative_values, strict=True):
        for end, value in zip(ends[:-1], values.values[1:-1], strict=True):
            completions = (tuple(rng.integers(VOCABULARY, size=length - end).tolist()),) if value else ()
            key = response.problem, response.tokens[:end]
            prefix_values[key] = PrefixValue(*key, value, 4, completions)
    return Graded(
        prompts,
        demonstrations,
        positives if "positives" in uses else (),
        negatives if "negatives" in uses else (),
        positive_values if "positive_values" in uses else (),
        negative_values if "negative_values" in uses else (),
        prefix_values if "negative_values" in uses else {},
        _logprobs(positives) if {"positives", "reference_logprobs"} <= uses else (),
        _logprobs(negatives) if {"negatives", "reference_logprobs"} <= uses else (),
        dict.fromkeys(prompts, 0.5) if uses else {},
    )


def _logprobs(responses: list[Response]) -> list[tuple[float, ...]]:
    return [(-0.5,) * (len(response.tokens) + response.finished) for response in responses]


def _check_row(row: object, kind: type) -> None:
    assert type(row) is kind, f"build: {row!r} is no {kind.__name__}"
    for entry in fields(row):  # type: ignore[arg-type]
        value = getattr(row, entry.name)
        if isinstance(value, tuple) and not entry.name.endswith(("weights", "coefficients", "reference")):
            assert all(type(token) is int and token >= 0 for token in value), f"{entry.name}: {value} are no token ids"
        elif entry.name.endswith("ends") or entry.name in ("correct", "desirable"):
            assert type(value) is bool, f"{entry.name}: {value!r} is no bool"
    if isinstance(row, NLLRow):
        assert row.completion or row.ends, "NLLRow: nothing to train on"
        if row.weights is not None:
            n = len(row.completion) + row.ends
            assert len(row.weights) == n, f"weights: {len(row.weights)} for {n} tokens, the end token included"
            assert all(math.isfinite(weight) for weight in row.weights), f"weights: {row.weights} are not all finite"
    if isinstance(row, PolicyRow):
        n = len(row.completion) + row.ends
        assert n, "PolicyRow: nothing to train on"
        for name, numbers in (("coefficients", row.coefficients), ("reference", row.reference)):
            if numbers is not None:
                assert len(numbers) == n, f"{name}: {len(numbers)} for {n} tokens, the end token included"
                assert all(map(math.isfinite, numbers)), f"{name}: {numbers} are not all finite"
        assert 0 <= row.pass_rate <= 1, f"pass_rate: {row.pass_rate}"
    if isinstance(row, StepPairRow):
        for side in ("chosen", "rejected"):
            n = len(getattr(row, side)) + getattr(row, f"{side}_ends")
            for name in (f"{side}_weights", f"{side}_reference"):
                numbers = getattr(row, name)
                assert n and len(numbers) == n, f"{name}: {len(numbers)} for {n} tokens, the end token included"
                assert all(map(math.isfinite, numbers)), f"{name}: {numbers} are not all finite"
    if isinstance(row, UnpairedRow):
        assert row.completion or row.ends, "UnpairedRow: nothing to train on"
    if isinstance(row, PreferenceRow):
        parts = row.chosen, row.chosen_ends, row.rejected, row.rejected_ends
        assert any(parts), "PreferenceRow: no token on either side"


def _check_tokens(method: Method, options: MethodOptions) -> None:
    data = ExpectedData(100, 200, 300, 280, prompt=20, demonstration=40, response=40, step=10, before_error=15)
    more = ExpectedData(200, 400, 600, 560, prompt=20, demonstration=40, response=40, step=10, before_error=15)
    tokens = method.expected_tokens(options, data)
    assert math.isfinite(tokens) and tokens > 0, f"expected_tokens: {tokens} for {data}"
    twice = method.expected_tokens(options, more)
    assert math.isclose(twice, 2 * tokens), f"expected_tokens: {twice} for twice the data of {tokens}"
