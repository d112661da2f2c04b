"""RFT without correct responses that have spurious steps: test error by how such steps are detected, at one N."""

from __future__ import annotations

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs
from analysis.figures.variants import draw_variants

METHODS = ("rft", "rft_filtered")
CAPTION = "Rejection fine-tuning without spurious steps, at N = {size} problems, with 95 % intervals."


def draw(inputs: FigureInputs) -> Drawing:
    """Points and errors as of `draw_variants`, for the rows of figure "filter" and of RFT, filtered and not."""
    return draw_variants(inputs, "filter", METHODS, CAPTION)
