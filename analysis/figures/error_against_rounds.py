"""Test error after each round of sampling and training, against the round."""

from __future__ import annotations

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs
from analysis.figures.rounds import drawing, points


def draw(inputs: FigureInputs) -> Drawing:
    """Points as in :func:`analysis.figures.rounds.points`. Raises as that does."""
    table = points(inputs)
    size = int(table["size"].iloc[0])
    caption = (
        f"{inputs.error_title}, after each round at N = {size}: the policy of a round samples for "
        "the next. Hollow markers are variants of a method. Intervals: 95 %."
    )
    return drawing(inputs, table, "round", "rounds of sampling and training", caption)
