"""Ways to pair incorrect with correct responses: test error of each, at one N."""

from __future__ import annotations

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs
from analysis.figures.variants import draw_variants

PREFERENCE = ("dpo", "dpo_edit_distance", "step_dpo")
CAPTION = "Ways to pair correct and incorrect responses, at N = {size} problems, with 95 % intervals."


def draw(inputs: FigureInputs) -> Drawing:
    """Points and errors as of `draw_variants`, for the rows of figure "pairing" and the preference methods."""
    return draw_variants(inputs, "pairing", PREFERENCE, CAPTION)
