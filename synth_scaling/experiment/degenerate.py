"""Signs that a policy has learned nothing, or that its responses do not fit into the length limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synth_scaling.core.records import Response

MOSTLY = 0.5  # share of responses


def degenerate(responses: Sequence[Response]) -> Iterator[str]:
    """A line where all responses are incorrect, and one where more than half were cut at the length limit."""
    if responses and not any(r.reward for r in responses):
        yield f"all {len(responses)} responses are incorrect"
    cut = unfinished(responses)
    if cut > MOSTLY * len(responses):
        yield f"{cut} of {len(responses)} responses were cut at the length limit"


def unfinished(responses: Sequence[Response]) -> int:
    """Number of responses that were cut at the length limit."""
    return sum(not r.finished for r in responses)
