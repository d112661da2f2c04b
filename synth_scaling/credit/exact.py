"""First errors that the task knows: nothing is searched, and only the prefixes before them are completed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit.evidence import Known
from synth_scaling.credit.values import Prefix


@dataclass(frozen=True)
class Exact:
    """K completions of the prefix before each first error.

    `first_errors` are those of the responses, as steps from 1; None where the task finds no error, as in a response
    that was cut at the length limit.
    """

    k: int
    first_errors: tuple[int | None, ...]
    reuse: ClassVar[bool] = False

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """K completions of each prefix before a first error; none of the empty prefix, which has the rollouts."""
        draws: dict[Prefix, int] = {}
        for response, stops, error in zip(responses, ends, self.first_errors, strict=True):
            if error is not None and error > 1:
                prefix = (response.problem, response.tokens[: stops[error - 2]])
                if prefix not in known:
                    draws[prefix] = self.k
        return draws

    def values(
        self,
        responses: Sequence[Response],
        ends: Sequence[Sequence[int]],
        initial: Mapping[str, float],
        known: Mapping[Prefix, PrefixValue],
    ) -> list[ResponseValues]:
        """Q_0 = V(x), 1 after a step from which a correct response can be reached, and 0 from the first error on.

        They serve for first errors alone. The last value is the reward, so a response without a known first error has
        it at its last step.
        """
        rows = []
        for i, (response, stops, error) in enumerate(zip(responses, ends, self.first_errors, strict=True)):
            reachable = [float(error is None or step < error) for step in range(1, len(stops))]
            rows.append(
                ResponseValues(i, tuple(stops), (initial[response.problem], *reachable, float(response.reward)))
            )
        return rows
