"""Selection of self-generated responses: distinct ones, the most diverse first, up to a number per problem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from synth_scaling.core.records import Response


def positives(rollouts: Sequence[Response], k: int) -> list[Response]:
    """Up to `k` distinct correct responses per problem, most diverse first (RFT, arXiv 2308.01825)."""
    return _distinct(rollouts, reward=1, limit=k)


def negatives(rollouts: Sequence[Response], j: int, most: int | None = None) -> list[Response]:
    """Up to `j` distinct incorrect responses per problem, most diverse first, and at most `most` in all.

    If `most` binds, the first responses of all problems precede any second one.
    """
    chosen = _distinct(rollouts, reward=0, limit=j)
    if most is None or len(chosen) <= most:
        return chosen
    seen: dict[str, int] = {}
    rank = np.array([seen.setdefault(r.problem, -1) for r in chosen])
    for i, response in enumerate(chosen):
        seen[response.problem] += 1
        rank[i] = seen[response.problem]
    selected = np.sort(np.argsort(rank, kind="stable")[:most])
    return [chosen[i] for i in selected]


def _distinct(rollouts: Sequence[Response], reward: int, limit: int) -> list[Response]:
    by_problem: dict[str, dict[tuple[tuple[int, ...], bool], Response]] = {}
    for response in rollouts:
        if response.reward == reward:
            by_problem.setdefault(response.problem, {}).setdefault((response.tokens, response.finished), response)
    return [r for distinct in by_problem.values() for r in most_diverse(list(distinct.values()), limit)]


def most_diverse(responses: Sequence[Response], limit: int) -> list[Response]:
    """Greedy farthest-first order by token edit distance, from the first response; ties go to the earlier one."""
    chosen: list[Response] = []
    left = list(responses)
    nearest = [np.inf] * len(left)  # distance to the nearest chosen one
    while left and len(chosen) < limit:
        pick = int(np.argmax(nearest))
        chosen.append(left.pop(pick))
        nearest.pop(pick)
        nearest = [
            min(d, Levenshtein.distance(chosen[-1].tokens, r.tokens)) for d, r in zip(nearest, left, strict=True)
        ]
    return chosen
