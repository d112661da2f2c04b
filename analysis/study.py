"""The whole analysis of one study, from its rows to every number that the tables show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.bootstrap import DRAWS, Draws, resample
from analysis.cells import Cell, SizeKey, size_cells, sizes_of
from analysis.comparison import Difference, compare, compare_sizes
from analysis.curves import Curve, fit_curves
from analysis.layouts import InputError
from analysis.multipliers import Multiplier, multipliers
from analysis.rows import Results


@dataclass(frozen=True)
class Study:
    """What the rows of figure "size" say about one task.

    Attributes:
        baseline: the label that the others are held against.
        cells, draws: by (label, N).
        curves: label -> its fitted law; `unfitted`: label -> why it has none.
        multipliers: against the baseline, empty (with the reason in `no_multipliers`) where it cannot be inverted.
        differences: every label against the baseline.
        size_steps: the baseline's sizes, each against the one two places smaller.
    """

    baseline: str
    cells: Mapping[SizeKey, Cell]
    draws: Draws[SizeKey]
    curves: Mapping[str, Curve]
    unfitted: Mapping[str, str]
    multipliers: tuple[Multiplier, ...]
    no_multipliers: str
    differences: tuple[Difference, ...]
    size_steps: tuple[Difference, ...]


def examine(results: Results, baseline: str = "sft", draws: int = DRAWS, seed: int = 0) -> Study:
    """Analyse the error-against-N rows of one task.

    Raises:
        InputError: no rows of figure "size", none of the baseline, several tasks, or two runs of a seed at one point.
    """
    cells = size_cells(results)
    if not cells:
        raise InputError('no rows whose figure is "size": run a sweep over N first')
    sizes_of(cells, baseline)
    drawn = resample(cells, draws, seed)
    curves, unfitted = fit_curves(cells, drawn)
    against: list[Multiplier] = []
    reason = unfitted.get(baseline, "")
    if not reason and curves[baseline].fit.law.exponent <= 0:
        reason = "its error does not fall with N"
    if not reason:
        against = multipliers(cells, drawn, curves[baseline])
    return Study(
        baseline,
        cells,
        drawn,
        curves,
        unfitted,
        tuple(against),
        reason,
        tuple(compare(cells, drawn, baseline)),
        tuple(compare_sizes(cells, drawn, baseline)),
    )
