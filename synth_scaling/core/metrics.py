"""From graded test responses to what a result row says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb, sqrt

from synth_scaling.core.records import Response


def wilson_interval(wrong: int, tested: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The 95 % Wilson score interval of an error rate. Raises ValueError if nothing was tested."""
    if tested < 1:
        raise ValueError("nothing was tested")
    p, spread = wrong / tested, z * z / tested
    centre = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(p * (1 - p) / tested + spread / (4 * tested))
    return max(0.0, centre - half), min(1.0, centre + half)


def pass_at_k(responses: Sequence[Response], k: int) -> float:
    """Mean over problems of 1 - C(n - c, k) / C(n, k), c of n responses right (Chen et al., arXiv 2107.03374, eq. 1).

    Raises ValueError if a problem has fewer than `k` responses.
    """
    counts: dict[str, list[int]] = {}
    for response in responses:
        count = counts.setdefault(response.problem, [0, 0])
        count[0] += 1
        count[1] += response.reward
    if any(n < k for n, _ in counts.values()):
        raise ValueError(f"pass@{k} needs {k} responses a problem")
    return sum(1 - comb(n - c, k) / comb(n, k) for n, c in counts.values()) / len(counts)


def shares(kinds: Sequence[str]) -> dict[str, float]:
    """Share of each kind, the most frequent first."""
    return {kind: count / len(kinds) for kind, count in Counter(kinds).most_common()}


def counts(values: Sequence[int]) -> list[list[int]]:
    """[value, how often] for each value, ascending."""
    return [[value, count] for value, count in sorted(Counter(values).items())]
