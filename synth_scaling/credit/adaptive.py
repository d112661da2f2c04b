"""Completions allotted one after the other, until it is decided where a wrong response goes wrong.

Of a prefix it is asked whether its value V is 0. One right completion decides that it is not, and no error can be
made that way. n wrong completions and no right one decide that V is below epsilon, where n is the smallest number
with (1 - epsilon)^n <= 1 - confidence: a prefix whose value is epsilon or more is called dead with a chance of at
most 1 - confidence, one of a value V below it with the chance (1 - V)^n. Looking after every completion does not
change that, since only n wrong ones in a row decide so (curtailed sampling); a prefix takes (1 - (1 - V)^n) / V
completions on average. All this is said of one prefix. A response's pit is placed too early if any of its living
prefixes that are looked at is called dead; too late, beyond a dead one, never.

Order `forward` goes step by step from the first prefix not known to be alive. With the completions that an exhaustive
search would have drawn, the first n of each prefix, and without `reuse`, it finds the same pits by fewer of them.

Order `halving` is bisection (and shares its assumption) with every prefix called dead after `batch` wrong completions,
then after twice as many, and so on up to n, each time from what is known. It looks beyond a prefix of low value as
well, where a right completion shows it to be alive after all, and at a logarithm of the steps where those are many.

Once the pit stands, the prefix before it is completed until `right` completions of it were right, or `most` were
drawn: pairs are made of them, and with one alone all the responses that share the prefix would be set against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log
from typing import Literal

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit.bisection import last_alive, middle, rollouts_of
from synth_scaling.credit.evidence import Known, right_of
from synth_scaling.credit.values import Prefix, located_values


@dataclass(frozen=True)
class Adaptive:
    """`most` wrong completions of a prefix are enough, whatever confidence they come to: 1 - (1 - epsilon)^most."""

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
        """Wrong completions, without a right one, after which a prefix is called dead; at epsilon 0, all of `most`."""
        if not self.epsilon:
            return self.most
        return min(self.most, wrong_ones_needed(self.epsilon, self.confidence))

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """One prefix of each response that is not done. Where two want the same, the smaller number is drawn."""
        choose = self._forward if self.order == "forward" else self._halving
        draws: dict[Prefix, int] = {}
        for response, stops in zip(responses, ends, strict=True):
            prefixes = [(response.problem, response.tokens[:stop]) for stop in stops[:-1]]
            values = [known.get(prefix) for prefix in prefixes]
            step, more = choose(values)
            if not more and (step := last_alive(values)):
                value = known[prefixes[step - 1]]
                more = max(0, min(self.right - right_of(value), self.most - value.rollouts))
            if more:
                draws[prefixes[step - 1]] = min(more, draws.get(prefixes[step - 1], more))
        return draws

    def _forward(self, values: Sequence[PrefixValue | None]) -> tuple[int, int]:
        """The step after the last one known to be alive, and as many completions again as there are; 0 if done."""
        step = last_alive(values) + 1
        if step > len(values):
            return step, 0
        seen = rollouts_of(values[step - 1])
        return step, max(0, min(max(self.batch, seen), self.enough - seen))

    def _halving(self, values: Sequence[PrefixValue | None]) -> tuple[int, int]:
        """What bisection comes to at the lowest level at which it is not done."""
        for level in self._levels():
            if (step := middle(values, level)) is not None:
                return step, level - rollouts_of(values[step - 1])
        return 0, 0

    def _levels(self) -> Iterator[int]:
        """batch, twice that, and so on up to what is enough."""
        level = self.batch
        while level < self.enough:
            yield level
            level *= 2
        yield self.enough

    def values(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], initial: Mapping[str, float], known: Known
    ) -> list[ResponseValues]:
        return located_values(responses, ends, initial, known)


def wrong_ones_needed(epsilon: float, confidence: float) -> int:
    """The smallest n with (1 - epsilon)^n <= 1 - confidence."""
    return max(1, ceil(log(1.0 - confidence) / log(1.0 - epsilon) - 1e-9))  # less what rounding may add
