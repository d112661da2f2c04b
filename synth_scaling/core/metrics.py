"""Metrics of graded responses, as they stand in result rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import comb, sqrt

from synth_scaling.core.records import Response


def wilson_interval(wrong: int, tested: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The 95 % Wilson score interval of the error rate `wrong` / `tested`. Raises ValueError if `tested` is 0."""
    if tested < 1:
        raise ValueError("nothing was tested")
    p, spread = wrong / tested, z * z / tested
    centre = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(p * (1 - p) / tested + spread / (4 * tested))
    return max(0.0, centre - half), min(1.0, centre + half)


def correct_counts(responses: Sequence[Response]) -> dict[str, tuple[int, int]]:
    """(correct responses, responses) of each problem, in order of first appearance."""
    totals: dict[str, list[int]] = {}
    for response in responses:
        total = totals.setdefault(response.problem, [0, 0])
        total[0] += response.reward
        total[1] += 1
    return {problem: (correct, n) for problem, (correct, n) in totals.items()}


def error_of(responses: Sequence[Response]) -> float:
    """Share of incorrect responses. Raises ValueError if there are none."""
    if not responses:
        raise ValueError("nothing was sampled")
    return sum(1 - response.reward for response in responses) / len(responses)


def pass_at_k(responses: Sequence[Response], k: int) -> float:
    """pass@k: mean over problems of 1 - C(n - c, k) / C(n, k), with c of n responses correct.

    Chen et al., arXiv 2107.03374, eq. 1. Raises ValueError if a problem has fewer than `k` responses.
    """
    totals = correct_counts(responses).values()
    if any(n < k for _, n in totals):
        raise ValueError(f"pass@{k} needs {k} responses per problem")
    return sum(1 - comb(n - c, k) / comb(n, k) for c, n in totals) / len(totals)


def next_step_agreement(responses: Mapping[str, Sequence[Sequence[str]]]) -> float | None:
    """How often two correct responses to a problem that agree so far take the same next step.

    A pair is compared at every step that it reaches in agreement, and pairs of all problems count alike. A policy that
    chooses among k correct next steps with equal probability has 1/k, so 1 / agreement is its effective number of
    correct next steps (the exponential of a Renyi entropy of order 2). It says how sharp a policy is, and nothing about
    its error.

    Args:
        responses: problem -> its correct responses, each as its steps.

    Returns:
        A share; None without two correct responses to any problem.
    """
    agreeing = compared = 0
    for several in responses.values():
        reached = Counter(tuple(steps[:n]) for steps in several for n in range(1, len(steps) + 1))
        continued = Counter(tuple(steps[:n]) for steps in several for n in range(len(steps)))
        agreeing += sum(comb(count, 2) for count in reached.values())
        compared += sum(comb(count, 2) for count in continued.values())
    return agreeing / compared if compared else None


def shares(kinds: Sequence[str]) -> dict[str, float]:
    """Share of each kind, the most frequent first."""
    return {kind: count / len(kinds) for kind, count in Counter(kinds).most_common()}


def counts(values: Sequence[int]) -> list[list[int]]:
    """[value, how often] for each value, ascending."""
    return [[value, count] for value, count in sorted(Counter(values).items())]
