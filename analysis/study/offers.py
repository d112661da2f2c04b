"""What can be bought: every configuration that was run, with its error and its price at any N that it was measured at.

A configuration with three sizes or more is offered at every N within them, by its fitted law; one with fewer only as it
was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.arrays import Floats
from analysis.data.cells import Cell, SizeKey, sizes_of
from analysis.data.configurations import configuration_cells, configurations
from analysis.data.flops import flops
from analysis.data.results import Results
from analysis.defaults import DRAWS
from analysis.errors import InputError
from analysis.stats.estimates import Sample
from analysis.study.cost_law import FREE_TEACHER, CostLaw, Prices, fit_row_costs
from analysis.study.curves import Curve, fit_curves

LAW_SIZES = 3  # fewest sizes of a law to buy by


@dataclass(frozen=True, eq=False)
class Offers:
    """The configurations of a study with their errors and costs; each part is computed at first use.

    Attributes:
        cells: by (configuration, N).
        rows: of these cells, with the column "configuration".
        n_draws, seed: of the bootstrap.
    """

    cells: Mapping[SizeKey, Cell]
    rows: pd.DataFrame
    n_draws: int = DRAWS
    seed: int = 0

    @cached_property
    def sample(self) -> Sample:
        """The cells with their bootstrap."""
        return Sample(self.cells, self.n_draws, self.seed)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every configuration, sorted."""
        return tuple(sorted({name for name, _ in self.cells}))

    @cached_property
    def curves(self) -> Mapping[str, Curve]:
        """configuration -> its curve, where it has three sizes and a law."""
        many = {name for name in self.names if len(sizes_of(self.cells, name)) >= LAW_SIZES}
        return fit_curves({key: cell for key, cell in self.cells.items() if key[0] in many}, self.sample.drawn)[0]

    def labels(self) -> dict[str, str]:
        """configuration -> label."""
        return dict(zip(self.rows["configuration"], self.rows["label"], strict=True))

    def costs(self, prices: Prices = FREE_TEACHER) -> dict[str, CostLaw]:
        """configuration -> what it costs at these prices."""
        return {str(name): fit_row_costs(rows, str(name), prices) for name, rows in self.rows.groupby("configuration")}

    def errors(self, name: str, size: float) -> Floats:
        """(1 + B,) the error of a configuration at N: of all seeds together, then of every draw.

        By its law where it has one; else N is one that it was run at.
        """
        if name in self.curves:
            return np.minimum(self.curves[name].baseline_law.errors_at(size), 1.0)
        key, drawn = (name, int(size)), self.sample.drawn
        return np.concatenate([[drawn.error[key]], drawn.resampled[key]])

    def affordable(self, name: str, cost: CostLaw, budget: float) -> list[int]:
        """The N of a configuration within a budget: the best one by its law, or all that it was run at."""
        sizes = sizes_of(self.cells, name)
        if name not in self.curves:
            return [size for size in sizes if float(cost.total(size)) <= budget]
        if float(cost.total(sizes[0])) > budget:
            return []
        most = max(int(cost.affords(budget, float(sizes[-1]))), sizes[0])
        law = self.curves[name].baseline_law.law
        return [most if float(law.predict(most)) <= float(law.predict(sizes[0])) else sizes[0]]

    def part(self, seeds: Sequence[int] | None = None, problems: Sequence[int] | None = None) -> Offers:
        """The same by some seeds, or some places of test problems, only; cells without these seeds are left out."""
        cells: dict[SizeKey, Cell] = {}
        for key, cell in self.cells.items():
            kept = [place for place, seed in enumerate(cell.seeds) if seeds is None or seed in seeds]
            if kept:
                wrong = cell.wrong[kept] if problems is None else cell.wrong[kept][:, list(problems)]
                cells[key] = replace(cell, seeds=tuple(cell.seeds[place] for place in kept), wrong=wrong)
        rows = self.rows if seeds is None else self.rows[self.rows["seed"].isin(list(seeds))]
        return Offers(cells, rows, self.n_draws, self.seed)


def offers(results: Results, n_draws: int = DRAWS, seed: int = 0) -> Offers:
    """The offers of a study's rows of all figures; rows that do not record their FLOPs have no price and are left out.

    Raises:
        InputError: no row with FLOPs, or rows of several tasks.
    """
    rows = configurations(results)
    rows = rows[flops(rows) > 0]  # NaN is not above 0
    if rows.empty:
        raise InputError("the rows do not record their cost (flops_training, flops_sampling)")
    return Offers(configuration_cells(results, rows), rows, n_draws, seed)
