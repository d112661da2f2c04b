"""Step values, advantages, first errors and spurious steps (arXiv 2406.14532, sections 3 and 6).

The first error of an incorrect response is called "first pit" in the paper. Steps are counted from 1; Q_0 = V(x) is
the value before the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from synth_scaling.core.records import PrefixValue, Response, ResponseValues

Prefix = tuple[str, tuple[int, ...]]  # (problem id, tokens of y_1..y_i)
PitRule = Literal["lowest", "first_zero"]


def initial_values(rollouts: Sequence[Response]) -> dict[str, float]:
    """V(x) of each problem: the mean reward of its rollouts."""
    rewards: dict[str, list[int]] = {}
    for response in rollouts:
        rewards.setdefault(response.problem, []).append(response.reward)
    return {problem: float(np.mean(values)) for problem, values in rewards.items()}


def response_values(
    responses: Sequence[Response],
    ends: Sequence[Sequence[int]],
    initial: Mapping[str, float],
    prefix_values: Mapping[Prefix, PrefixValue],
) -> list[ResponseValues]:
    """Q_0..Q_L of each response: V(x), the values of its prefixes, and its reward after the last step.

    A prefix without an estimate has value 0 if it continues a prefix of value 0. Raises KeyError for any other prefix
    without an estimate.
    """
    rows = []
    for i, (response, stops) in enumerate(zip(responses, ends, strict=True)):
        values = [initial[response.problem]]
        zero_before = False
        for stop in stops[:-1]:
            prefix = (response.problem, response.tokens[:stop])
            if prefix in prefix_values or not zero_before:
                values.append(prefix_values[prefix].value)
            else:
                values.append(0.0)
            zero_before = zero_before or values[-1] == 0.0
        rows.append(ResponseValues(i, tuple(stops), (*values, float(response.reward))))
    return rows


def located_values(
    responses: Sequence[Response],
    ends: Sequence[Sequence[int]],
    initial: Mapping[str, float],
    prefix_values: Mapping[Prefix, PrefixValue],
) -> list[ResponseValues]:
    """Q_0..Q_L of incorrect responses of which a search estimated some prefixes only: valid for first errors alone.

    The first error is the step after the last prefix with a correct completion; values are 0 from there on. Before it,
    a prefix without a positive estimate takes the value of the next prefix that has one.
    """
    rows = []
    for i, (response, stops) in enumerate(zip(responses, ends, strict=True)):
        values, later = [float(response.reward)], 0.0
        for stop in reversed(stops[:-1]):
            estimate = prefix_values.get((response.problem, response.tokens[:stop]))
            later = estimate.value if estimate is not None and estimate.value > 0.0 else later
            values.append(later)
        rows.append(ResponseValues(i, tuple(stops), (initial[response.problem], *reversed(values))))
    return rows


def best_of(values: Sequence[float], k: int) -> tuple[float, ...]:
    """Values under best-of-k of the roll-out policy, Q_BoK = 1 - (1 - Q)^k (arXiv 2406.14532, section 6)."""
    return tuple(1.0 - (1.0 - q) ** k for q in values)


def advantages(values: Sequence[float]) -> np.ndarray:
    """(L,) advantages A_i = Q_i - Q_{i-1} from Q_0..Q_L."""
    return np.diff(np.asarray(values, dtype=float))


def first_error(values: Sequence[float], rule: PitRule = "lowest") -> int | None:
    """The first error of an incorrect response with values Q_0..Q_L, as a step from 1 to L.

    `lowest`: the first step at which Q is at its lowest (arXiv 2406.14532). `first_zero`: the first step after
    which none of the K completions is correct (arXiv 2404.10346). For an incorrect response Q_L = 0, so the two
    agree unless a value was transformed; None if there is no such step.
    """
    q = np.asarray(values[1:], dtype=float)
    if rule == "lowest":
        return int(np.argmin(q)) + 1
    zeros = np.flatnonzero(q == 0.0)
    return int(zeros[0]) + 1 if len(zeros) else None


def mean_values(values: Sequence[Sequence[float]], origins: Sequence[int]) -> list[list[float]]:
    """[i - origin, mean Q_i, count] over responses with values Q_0..Q_L, in the order of the first.

    With every response's first error as its origin: the fall of the value around it. With origin 0: the value by step.
    """
    at: dict[int, list[float]] = {}
    for row, origin in zip(values, origins, strict=True):
        for i, q in enumerate(row):
            at.setdefault(i - origin, []).append(q)
    return [[offset, float(np.mean(qs)), len(qs)] for offset, qs in sorted(at.items())]


def spurious_steps(values: Sequence[float], threshold: float = 0.0) -> list[int]:
    """Steps of a correct response whose advantage is at most `threshold` (0: none, or negative)."""
    return [int(i) + 1 for i in np.flatnonzero(advantages(values) <= threshold)]
