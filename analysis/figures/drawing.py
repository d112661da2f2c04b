"""A drawn figure, and how it is written: the same rows always give the same bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 200


class MissingRunsError(Exception):
    """A figure lacks runs; the message names the sweep that provides them."""


class Drawing(NamedTuple):
    """A figure, the table of its points, and its caption."""

    figure: Figure
    points: pd.DataFrame
    caption: str

    def image(self, kind: Literal["svg", "png"]) -> bytes:
        """The figure as a file's bytes."""
        import matplotlib

        file = BytesIO()
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        # The salt fixes the ids in the SVG; without a date and a version in the metadata nothing else varies.
        with matplotlib.rc_context({"svg.hashsalt": "synth-scaling"}):
            self.figure.savefig(file, format=kind, dpi=DPI if kind == "png" else "figure", metadata=metadata)
        return file.getvalue()

    def csv(self) -> str:
        """The points, numbers to six digits."""
        return self.points.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def save(drawing: Drawing, stem: Path) -> None:
    """Write `stem`.png (200 dpi), `stem`.svg and `stem`.csv, creating the folder."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".svg").write_bytes(drawing.image("svg"))
    stem.with_suffix(".png").write_bytes(drawing.image("png"))
    stem.with_suffix(".csv").write_text(drawing.csv(), encoding="utf-8")
