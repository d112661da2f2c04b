"""What the next larger runs of a label would show: errors beyond its largest N, with predictive intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.arrays import Floats
from analysis.fits.prediction import Predictive, predict_values
from analysis.study.curves import REACH, Curve

SIZES = 9  # at which an outlook is computed, evenly spaced in log N from the largest run to 4x of it
DRAWS = 200


@dataclass(frozen=True)
class Outlook:
    """The predicted error of a new run of a label from its largest N to 4x of it.

    Attributes:
        label: the curve's name.
        predictive: of one new run, at J sizes.
    """

    label: str
    predictive: Predictive

    def errors(self, size: float, n_draws: int) -> Floats:
        """(1 + n_draws,) the predicted error at N within the outlook, then quantiles of a new run's error.

        Quantiles are evenly spaced, and at all sizes in the same order: a row is a new run's curve, better or worse
        throughout. The order is random, and the same for every label.
        """
        logs = np.log(self._curves(n_draws))
        at = np.log(self.predictive.sizes)
        return np.exp([float(np.interp(np.log(size), at, row)) for row in logs])

    def reached(self, target: float, n_draws: int) -> Floats:
        """(1 + n_draws,) the N from the largest run on at which the predicted error, and each curve of `errors`, is at
        most a target; infinite beyond 4x."""
        at, goal = np.log(self.predictive.sizes), np.log(target)
        sizes = []
        for row in np.log(self._curves(n_draws)):
            below = np.flatnonzero(row <= goal)
            if not len(below):
                sizes.append(np.inf)
                continue
            place = int(below[0])
            if place == 0:
                sizes.append(float(np.exp(at[0])))
                continue
            share = (row[place - 1] - goal) / (row[place - 1] - row[place])
            sizes.append(float(np.exp(at[place - 1] + share * (at[place] - at[place - 1]))))
        return np.array(sizes)

    def _curves(self, n_draws: int) -> Floats:
        """(1 + n_draws, J)."""
        levels = (np.random.default_rng(0).permutation(n_draws) + 0.5) / n_draws
        return np.concatenate([self.predictive.centre[None], np.quantile(self.predictive.draws, levels, axis=0)])


def outlook(curve: Curve, draws: int = DRAWS) -> Outlook:
    """Predict a new run from the runs of a curve, each a point.

    Raises:
        ValueError: fewer than four sizes.
    """
    sizes, errors, tested = [], [], []
    for size, cell in zip(curve.sizes, curve.cells, strict=True):
        each = cell.independent / len(cell.seeds)
        # Half an incorrect response more, of one response more, gives a run without errors a logarithm.
        errors += ((cell.wrong.mean(axis=1) * each + 0.5) / (each + 1)).tolist()
        sizes += [size] * len(cell.seeds)
        tested.append(each)
    at = np.geomspace(curve.sizes[-1], REACH * curve.sizes[-1], SIZES)
    return Outlook(curve.label, predict_values(sizes, errors, at, draws, tested=float(np.median(tested))))
