"""A label's grid over problems and self-generated data, with its bootstrap and its joint law."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.data.scans import Grid
from analysis.fits.joint import JointFit, fit_joint, fit_joint_draws
from analysis.stats.bootstrap import Draws
from analysis.stats.estimates import Sample


@dataclass(frozen=True, eq=False)
class GridStudy:
    """A grid and the law E + A (P + kappa M)^-alpha fitted to it; each part is computed at first use.

    Attributes:
        grid: the cells, K of them.
        n_draws: B of the bootstrap.
    """

    grid: Grid
    n_draws: int

    @cached_property
    def draws(self) -> Draws[Any]:
        """The cells' bootstrap draws."""
        return Sample(self.grid.points, self.n_draws).drawn

    @cached_property
    def fit(self) -> JointFit:
        """The law of all seeds together. Raises ValueError where it cannot be fitted."""
        cells = list(self.grid.points.values())
        wrong = [cell.incorrect for cell in cells]
        return fit_joint("effective", self.grid.problems, self.grid.added, wrong, self._tested)

    @cached_property
    def parameters(self) -> Floats:
        """(B, 4) floor, amplitude, exponent and kappa of every draw. Raises ValueError as `fit` does."""
        resampled = np.stack([self.draws.resampled[key] for key in self.grid.points], axis=1)  # (B, K)
        return fit_joint_draws("effective", self.grid.problems, self.grid.added, resampled, self._tested)

    @property
    def _tested(self) -> list[float]:
        return [cell.independent for cell in self.grid.points.values()]
