"""Gold answers, as a data set writes them, in the form that graders compare."""

from __future__ import annotations

from synth_scaling.grading.answers import boxes, final_answer
from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.grading.rewards import Kind


def gold_answer(kind: Kind, written: str) -> str | None:
    """The gold answer from a solution that ends with it, or from the answer alone; None if it cannot be read."""
    if kind == "latex":
        found = boxes(written)
        return (found[-1] if found else final_answer(written) or written).strip() or None
    value = rational(final_answer(written) or written)
    return None if value is None else canonical(value)
