"""The whole analysis of one study, from its rows to every number that the tables show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.data.cells import Cell, SizeKey, size_cells, sizes_of
from analysis.data.flops import flops_by_cell
from analysis.data.results import Results
from analysis.defaults import DRAWS
from analysis.errors import InputError
from analysis.fits.laws import Law
from analysis.stats.bootstrap import Draws, resample
from analysis.stats.overdispersion import Dispersion, dispersion
from analysis.study.curves import Curve, fit_curve, fit_curves
from analysis.study.differences import Difference, compare, compare_sizes
from analysis.study.mean_multipliers import Summary, summarise
from analysis.study.multipliers import Multiplier, read


@dataclass(frozen=True)
class Worth:
    """What the labels are worth against the baseline, in one unit of spending.

    Attributes:
        multipliers: by label and size; empty, with the `reason`, where the baseline cannot be inverted.
        summaries: one a label that has an exact multiplier.
        law: the baseline's law that they are read off; None without multipliers.
        misses: the baseline's N at which that law misses its error by more than noise: multipliers carry that.
    """

    multipliers: tuple[Multiplier, ...]
    summaries: tuple[Summary, ...]
    law: Law | None
    misses: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Study:
    """What the rows of figure "size" say about one task.

    Attributes:
        baseline: the label that the others are held against.
        cells, draws: by (label, N).
        curves: label -> its fitted law; `unfitted`: label -> why it has none.
        spreads: label -> how far its seeds lie apart, over all its sizes.
        data, cost: worth in problems and in FLOPs.
        differences: every label against the baseline.
        size_steps: the baseline's sizes, each against the one two places smaller.
    """

    baseline: str
    cells: Mapping[SizeKey, Cell]
    draws: Draws[SizeKey]
    curves: Mapping[str, Curve]
    unfitted: Mapping[str, str]
    spreads: Mapping[str, Dispersion]
    data: Worth
    cost: Worth
    differences: tuple[Difference, ...]
    size_steps: tuple[Difference, ...]

    @property
    def multipliers(self) -> tuple[Multiplier, ...]:
        """Those in data."""
        return self.data.multipliers

    @property
    def no_multipliers(self) -> str:
        """Why there are none in data; empty if there are."""
        return self.data.reason


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
    labels = sorted({label for label, _ in cells})
    return Study(
        baseline,
        cells,
        drawn,
        curves,
        unfitted,
        {label: dispersion(cells[label, size] for size in sizes_of(cells, label)) for label in labels},
        _in_data(cells, drawn, curves, unfitted, baseline),
        _in_flops(cells, drawn, flops_by_cell(results), baseline),
        tuple(compare(cells, drawn, baseline)),
        tuple(compare_sizes(cells, drawn, baseline)),
    )


def _in_data(
    cells: Mapping[SizeKey, Cell],
    draws: Draws[SizeKey],
    curves: Mapping[str, Curve],
    unfitted: Mapping[str, str],
    baseline: str,
) -> Worth:
    if baseline in unfitted:
        return Worth((), (), None, (), unfitted[baseline])
    return _worth(draws, curves[baseline], {key: float(key[1]) for key in cells}, "with N")


def _in_flops(
    cells: Mapping[SizeKey, Cell], draws: Draws[SizeKey], flops: Mapping[SizeKey, float], baseline: str
) -> Worth:
    try:
        curve = fit_curve(cells, draws, baseline, flops)
    except ValueError as error:
        return Worth((), (), None, (), str(error))
    return _worth(draws, curve, flops, "with FLOPs")


def _worth(draws: Draws[SizeKey], curve: Curve, spent: Mapping[SizeKey, float], unit: str) -> Worth:
    yardstick = curve.yardstick
    try:
        found = read(draws, yardstick, spent)
    except ValueError:
        return Worth((), (), None, (), f"its error does not fall {unit}")
    misses = tuple(curve.sizes[place] for place in yardstick.misses(curve.resampled))
    return Worth(tuple(found), tuple(summarise(draws, yardstick, spent, found)), yardstick.law, misses, "")
