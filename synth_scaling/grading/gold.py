"""Gold answers, as a data set writes them, in the form that graders compare."""

from __future__ import annotations

import math

from synth_scaling.grading.answers import boxes, final_answer
from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.grading.rewards import Kind


def gold_answer(kind: Kind, written: str) -> str | None:
    """The gold answer from a solution that ends with it, or from the answer alone; None if it cannot be read."""
    if kind == "latex":
        contents = boxes(written)
        return (contents[-1] if contents else final_answer(written) or written).strip() or None
    value = rational(final_answer(written) or written)
    return None if value is None else canonical(value)


def written_answer(value: object) -> object:
    """A number of a data file as the text that writes it, and any other value unchanged.

    The one rule for answers that a file holds as numbers, as in `{"answer": 18}` or a Parquet column of integers:
    whole numbers and finite floats are read as if they were text. true and false are no numbers.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return value
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if value.bit_length() < 4000 else value  # Python writes no longer ones
