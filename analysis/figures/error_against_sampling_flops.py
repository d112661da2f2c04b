"""Test error after each round, against the FLOPs of all sampling up to it."""

from __future__ import annotations

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing, MissingRunsError
from analysis.figures.inputs import FigureInputs
from analysis.figures.rounds import FLOPS, SWEEP, drawing, points


def draw(inputs: FigureInputs) -> Drawing:
    """Points as in :func:`analysis.figures.rounds.points`, without those of unknown FLOPs.

    Raises:
        MissingRunsError: no rows of figure "rounds", or none that records its FLOPs.
        InputError: two runs of one seed with the same label and N.
    """
    table = points(inputs)
    table = table[(table["label"] == BASELINE) | (table[FLOPS] > 0)]
    if not (table["label"] != BASELINE).any():
        raise MissingRunsError(f'no rows with figure "rounds" that say their FLOPs: run {SWEEP}')
    size = int(table["size"].iloc[0])
    caption = (
        f"{inputs.error_title}, at N = {size} against the FLOPs of sampling in all rounds so far; "
        "a variant with all samples in one round is compared with the round that costs as much. Intervals: 95 %."
    )
    return drawing(inputs, table, FLOPS, "sampling, FLOPs", caption)
