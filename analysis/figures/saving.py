"""Write a figure so that drawing the same rows again gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class MissingRunsError(Exception):
    """A figure has no runs to show; the message says which sweep fills it."""


def save(figure: Figure, points: pd.DataFrame, stem: Path) -> None:
    """Write `stem`.png (200 dpi), `stem`.svg and `stem`.csv, making the folder."""
    import matplotlib

    stem.parent.mkdir(parents=True, exist_ok=True)
    # The salt fixes the ids in the SVG; without a date and a version in the metadata nothing else varies.
    with matplotlib.rc_context({"svg.hashsalt": "synth-scaling"}):
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
        figure.savefig(stem.with_suffix(".png"), dpi=200, metadata={"Software": None})
    points.to_csv(stem.with_suffix(".csv"), index=False, float_format="%.6g", lineterminator="\n")
