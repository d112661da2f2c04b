"""A drawn figure, and how it is written: the same rows always give the same bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 200
Kind = Literal["png", "svg", "pdf"]


class MissingRunsError(Exception):
    """A figure lacks runs; the message names the sweep that provides them."""


class Drawing(NamedTuple):
    """A figure, the table of its points, and its caption."""

    figure: Figure
    points: pd.DataFrame
    caption: str

    def image(self, kind: Kind) -> bytes:
        """The figure as a file's bytes. Text of SVG and PDF is text: it can be searched, selected and edited."""
        import matplotlib

        file = BytesIO()
        # The salt fixes the ids in the SVG; without a date and a version in the metadata nothing else varies.
        metadata = {
            "svg": {"Date": None, "Creator": None},
            "png": {"Software": None},
            "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        }[kind]
        text: Any = {"svg.hashsalt": "synth-scaling", "svg.fonttype": "none", "pdf.fonttype": 42}
        with matplotlib.rc_context(text):
            self.figure.savefig(file, format=kind, dpi=DPI if kind == "png" else "figure", metadata=metadata)
        return file.getvalue()

    def csv(self) -> str:
        """The points, numbers to six digits."""
        return self.points.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def save(drawing: Drawing, stem: Path) -> None:
    """Write `stem`.png (200 dpi), `stem`.svg, `stem`.pdf and `stem`.csv, creating the folder."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    for kind in get_args(Kind):
        stem.with_suffix(f".{kind}").write_bytes(drawing.image(kind))
    stem.with_suffix(".csv").write_text(drawing.csv(), encoding="utf-8")
