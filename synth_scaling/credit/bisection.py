"""Binary search for the first error of an incorrect response, as in OmegaPRM (arXiv 2406.06592).

A prefix is alive if its value is above 0. The first error is the step between the last prefix that is alive and the
first that is not (rule `first_zero`; for an incorrect response `lowest` agrees). The search assumes that there is one
such step: no continuation of a prefix without correct completions has one. True values satisfy this if the policy can
sample the steps: a correct completion of y_1..y_{i+1} is then one of y_1..y_i. Estimates may not: a prefix of low value
may have K incorrect completions. The search then continues before it, where a search step by step would have stopped
at the same or an earlier zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit.evidence import Known
from synth_scaling.credit.values import Prefix, located_values


@dataclass(frozen=True)
class Bisection:
    """Samples `k` completions of each prefix that it visits.

    With `reuse`, completions that pass through a prefix count towards its `k`, and a prefix that is known to be alive,
    by a correct completion of it or of a later prefix of the response, is not sampled.
    """

    k: int
    reuse: bool
    search: str = field(default="bisect", init=False)

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """Completions of the prefix in the middle of each response's remaining interval."""
        draws: dict[Prefix, int] = {}
        for response, stops in zip(responses, ends, strict=True):
            prefixes = [(response.problem, response.tokens[:stop]) for stop in stops[:-1]]
            step = middle([known.get(prefix) for prefix in prefixes], self.k)
            if step is not None:
                draws[prefixes[step - 1]] = self.k - rollouts_of(known.get(prefixes[step - 1]))
        return draws

    def values(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], initial: Mapping[str, float], known: Known
    ) -> list[ResponseValues]:
        return located_values(responses, ends, initial, known)


def middle(values: Sequence[PrefixValue | None], k: int) -> int | None:
    """The step halfway between the last one known to be alive and the first after it with `k` incorrect completions.

    `values` belong to the prefixes that end with steps 1 to L - 1, None without samples. Step 0 counts as alive, and
    step L, after which the response is incorrect, as dead. None if the two are neighbours: the latter is the first
    error.
    """
    low = last_alive(values)
    dead = (i for i in range(low + 1, len(values) + 1) if rollouts_of(values[i - 1]) >= k)
    high = next(dead, len(values) + 1)
    return (low + high) // 2 if high - low > 1 else None


def last_alive(values: Sequence[PrefixValue | None]) -> int:
    """The last step after which a correct completion was sampled; 0 if there is none."""
    return max((i for i, value in enumerate(values, start=1) if value is not None and value.value > 0.0), default=0)


def rollouts_of(value: PrefixValue | None) -> int:
    """Number of completions of a prefix so far."""
    return 0 if value is None else value.rollouts
