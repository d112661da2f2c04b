"""Adaptive search for the first error of an incorrect response: completions until a sequential test decides.

The test asks whether the value V of a prefix is 0. One correct completion decides that it is not, without error. n
incorrect completions and no correct one decide that V is below epsilon, with n the smallest number such that
(1 - epsilon)^n <= 1 - confidence: a prefix with V >= epsilon is declared dead with probability at most 1 - confidence,
any other with probability (1 - V)^n. Testing after every completion does not change this, since only n incorrect ones
in a row decide (curtailed sampling); a prefix takes (1 - (1 - V)^n) / V completions on average. These probabilities
hold for one prefix. The first error of a response is placed too early if any living prefix that the search visits is
declared dead; it is never placed too late.

Order `forward` visits the steps one by one, from the first prefix not known to be alive. Given the completions of an
exhaustive search, the first n per prefix, and without `reuse`, it returns the same first errors from fewer of them.

Order `halving` is bisection, under the same assumption, with every prefix declared dead after `batch` incorrect
completions, then after twice as many, and so on up to n, each time starting from all completions so far. It also
visits prefixes beyond one of low value, where a correct completion shows that one to be alive after all, and a number
of prefixes logarithmic in the number of steps.

With the first error decided, the prefix before it is completed until `right` of its completions are correct, or `most`
were sampled. Preference pairs use them; with a single one, all responses that share the prefix would be paired with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log
from typing import Literal

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit.bisection import last_alive, middle, rollouts_of
from synth_scaling.credit.evidence import Known, correct_of
from synth_scaling.credit.values import Prefix, located_values


@dataclass(frozen=True)
class Adaptive:
    """Samples at most `most` completions per prefix, even if their confidence, 1 - (1 - epsilon)^most, is lower."""

    most: int
    epsilon: float
    confidence: float
    batch: int
    order: Literal["forward", "halving"]
    reuse: bool
    right: int = 1
    search: str = field(default="adaptive", init=False)

    @property
    def enough(self) -> int:
        """Incorrect completions, without a correct one, that declare a prefix dead; `most` if epsilon is 0."""
        if not self.epsilon:
            return self.most
        return min(self.most, incorrect_needed(self.epsilon, self.confidence))

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """Completions of one prefix per undecided response; if two responses share it, the smaller number."""
        choose = self._forward if self.order == "forward" else self._halving
        draws: dict[Prefix, int] = {}
        for response, stops in zip(responses, ends, strict=True):
            prefixes = [(response.problem, response.tokens[:stop]) for stop in stops[:-1]]
            values = [known.get(prefix) for prefix in prefixes]
            step, more = choose(values)
            if not more and (step := last_alive(values)):
                value = known[prefixes[step - 1]]
                more = max(0, min(self.right - correct_of(value), self.most - value.rollouts))
            if more:
                draws[prefixes[step - 1]] = min(more, draws.get(prefixes[step - 1], more))
        return draws

    def _forward(self, values: Sequence[PrefixValue | None]) -> tuple[int, int]:
        """The step after the last living one, and as many completions as it has already; 0 if decided."""
        step = last_alive(values) + 1
        if step > len(values):
            return step, 0
        seen = rollouts_of(values[step - 1])
        return step, max(0, min(max(self.batch, seen), self.enough - seen))

    def _halving(self, values: Sequence[PrefixValue | None]) -> tuple[int, int]:
        """The step of bisection at the lowest level that is undecided, and the completions it lacks."""
        for level in self._levels():
            if (step := middle(values, level)) is not None:
                return step, level - rollouts_of(values[step - 1])
        return 0, 0

    def _levels(self) -> Iterator[int]:
        """batch, twice that, and so on up to `enough`."""
        level = self.batch
        while level < self.enough:
            yield level
            level *= 2
        yield self.enough

    def values(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], initial: Mapping[str, float], known: Known
    ) -> list[ResponseValues]:
        return located_values(responses, ends, initial, known)


def incorrect_needed(epsilon: float, confidence: float) -> int:
    """The smallest n with (1 - epsilon)^n <= 1 - confidence."""
    return max(1, ceil(log(1.0 - confidence) / log(1.0 - epsilon) - 1e-9))  # tolerance for rounding
