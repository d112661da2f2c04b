"""Binary search for the first pit of a wrong response, as in OmegaPRM (arXiv 2406.06592).

A prefix is alive if its value is above 0. The pit is looked for as the step between the last prefix that is alive and
the first that is not (rule `first_zero`; for an incorrect response `lowest` agrees). Assumed is that there is one such
step: that what follows a prefix without right completions has none either. Of true values that holds whenever the
steps are the roll-out policy's own: a right completion of y_1..y_{i+1} is one of y_1..y_i. Of estimates it does not: a
prefix of low value may have K wrong completions, and the search then goes left of it, where going step by step would
have found the same or an earlier zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit.evidence import Known
from synth_scaling.credit.values import Prefix, located_values


@dataclass(frozen=True)
class Bisection:
    """`k` completions of each prefix that is looked at; with `reuse` no more than it takes to make them `k`, and none
    of a prefix that is known to be alive: from which, or from a later one of the response, one was right.
    """

    k: int
    reuse: bool
    search: str = field(default="bisect", init=False)

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """The prefix in the middle of what is left of each response."""
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
    """The step halfway between the last one known to be alive and the first after it with `k` wrong completions.

    `values` are of the prefixes that end with steps 1 to L - 1, None where nothing is known. Step 0 counts as alive,
    step L, after which the response is wrong, does not. None if the two are neighbours: the latter is the pit.
    """
    low = last_alive(values)
    dead = (i for i in range(low + 1, len(values) + 1) if rollouts_of(values[i - 1]) >= k)
    high = next(dead, len(values) + 1)
    return (low + high) // 2 if high - low > 1 else None


def last_alive(values: Sequence[PrefixValue | None]) -> int:
    """The last step from which a right completion was seen, 0 if there is none."""
    return max((i for i, value in enumerate(values, start=1) if value is not None and value.value > 0.0), default=0)


def rollouts_of(value: PrefixValue | None) -> int:
    return 0 if value is None else value.rollouts
