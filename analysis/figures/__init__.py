"""The figures of a study, by name. Matplotlib is imported only when a figure is drawn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from analysis.errors import InputError, did_you_mean
from analysis.figures import (
    ablations,
    coverage,
    error_against_flops,
    error_against_n,
    error_against_positives,
    error_against_rounds,
    error_against_sampling_flops,
    error_against_temperature,
    filtering,
    frontier,
    gain_by_difficulty,
    multipliers,
    pairing,
    positives_and_negatives,
    predictions,
    price_list,
    star_graph,
    step_values,
    teacher_against_self,
    worlds,
)
from analysis.figures.drawing import Drawing, MissingRunsError, save
from analysis.figures.inputs import FigureInputs

FIGURES: dict[str, Callable[[FigureInputs], Drawing]] = {
    "error_against_n": error_against_n.draw,
    "teacher_against_self": teacher_against_self.draw,
    "error_against_positives": error_against_positives.draw,
    "positives_and_negatives": positives_and_negatives.draw,
    "pairing": pairing.draw,
    "step_values": step_values.draw,
    "gain_by_difficulty": gain_by_difficulty.draw,
    "star_graph": star_graph.draw,
    "error_against_flops": error_against_flops.draw,
    "multipliers": multipliers.draw,
    "frontier": frontier.draw,
    "predictions": predictions.draw,
    "ablations": ablations.draw,
    "filtering": filtering.draw,
    "worlds": worlds.draw,
    "error_against_temperature": error_against_temperature.draw,
    "coverage": coverage.draw,
    "price_list": price_list.draw,
    "error_against_rounds": error_against_rounds.draw,
    "error_against_sampling_flops": error_against_sampling_flops.draw,
}


def drawings(
    inputs: FigureInputs, only: Collection[str] | None = None
) -> Iterator[tuple[str, Drawing | MissingRunsError]]:
    """Every figure by name (or those named in `only`), as a drawing or as the error that says which sweep fills it.

    All figures but the star graph's show the task of `inputs.study`.

    Raises:
        InputError: no such figure, or rows that cannot be drawn together (one point run twice).
    """
    for name in only or ():
        if name not in FIGURES:
            raise InputError(f"no figure {name!r}{did_you_mean(name, FIGURES)}; there are: {', '.join(FIGURES)}")
    for name, draw in FIGURES.items():
        if only and name not in only:
            continue
        try:
            yield name, draw(inputs)
        except MissingRunsError as missing:
            yield name, missing


def draw_all(inputs: FigureInputs, out: Path, only: Collection[str] | None = None) -> Iterator[str]:
    """Draw every figure whose runs exist into `out`, yielding one line about each. Raises as `drawings` does."""
    for name, drawn in drawings(inputs, only):
        if isinstance(drawn, MissingRunsError):
            yield f"{name}: skipped, {drawn}"
            continue
        save(drawn, out / name)
        yield f"{name}: {out / name}.png, .svg, .pdf, .csv"
