"""Values of every prefix by K completions each; or, of wrong responses, up to the first from which none is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit.evidence import Known
from synth_scaling.credit.values import Prefix, response_values


@dataclass(frozen=True)
class Exhaustive:
    """Pits by either rule, and with `stop_at_zero` off the values of all steps."""

    k: int
    stop_at_zero: bool
    reuse: ClassVar[bool] = False

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """How many completions of which prefix are wanted next; none when all that is needed is `known`.

        A prefix ends with any step but the last: after that nothing is left to sample, its value is the reward.
        Responses of one problem share prefixes, each is named once, in order of first appearance. Without
        `stop_at_zero` all come at once; with it, one step a response at a time, and nothing after a prefix from which
        no completion was right: such a response's pit is found.
        """
        found: dict[Prefix, int] = {}
        for response, stops in zip(responses, ends, strict=True):
            for stop in stops[:-1]:
                prefix = (response.problem, response.tokens[:stop])
                if prefix not in known:
                    found[prefix] = self.k
                    if self.stop_at_zero:
                        break
                elif self.stop_at_zero and known[prefix].value == 0.0:
                    break
        return found

    def values(
        self,
        responses: Sequence[Response],
        ends: Sequence[Sequence[int]],
        initial: Mapping[str, float],
        known: Mapping[Prefix, PrefixValue],
    ) -> list[ResponseValues]:
        return response_values(responses, ends, initial, known)
