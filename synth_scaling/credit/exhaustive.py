"""Exhaustive search: K completions of every prefix, or of every prefix up to the first without a correct one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit.evidence import Known
from synth_scaling.credit.values import Prefix, response_values


@dataclass(frozen=True)
class Exhaustive:
    """Estimates first errors by either rule; without `stop_at_zero`, the values of all steps."""

    k: int
    stop_at_zero: bool
    reuse: ClassVar[bool] = False

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """Completions to sample next, by prefix, in order of first appearance; empty if the search is complete.

        A prefix ends with any step but the last, after which the value is the reward. Without `stop_at_zero` all
        prefixes are sampled at once; with it one step per response at a time, and none after a prefix without a correct
        completion, since that step is the first error.
        """
        draws: dict[Prefix, int] = {}
        for response, stops in zip(responses, ends, strict=True):
            for stop in stops[:-1]:
                prefix = (response.problem, response.tokens[:stop])
                if prefix not in known:
                    draws[prefix] = self.k
                    if self.stop_at_zero:
                        break
                elif self.stop_at_zero and known[prefix].value == 0.0:
                    break
        return draws

    def values(
        self,
        responses: Sequence[Response],
        ends: Sequence[Sequence[int]],
        initial: Mapping[str, float],
        known: Mapping[Prefix, PrefixValue],
    ) -> list[ResponseValues]:
        return response_values(responses, ends, initial, known)
