"""The next run whose result would narrow the interval of a multiplier most.

By the delta method: log M(N) is a function of the errors of the baseline's cells (through its fitted law) and of the
label's cell at N, and `CellCovariance` predicts their covariance after one more run. A run also adds weight to its cell
in the fit. The test problems stay the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import Cell, SizeKey, sizes_of
from analysis.errors import InputError
from analysis.fits.power import fit_draws
from analysis.stats.variance import CellCovariance, cell_covariance


@dataclass(frozen=True)
class NextRun:
    """A possible next run.

    Attributes:
        label, size, seed: its setting; the seed is one that other cells have, if there is one.
        shrinkage: the expected relative reduction of the standard deviation of log M, and so of its interval.
        new: the size was not run before; its error is taken from the baseline's law.
    """

    label: str
    size: int
    seed: int
    shrinkage: float
    new: bool


def next_runs(cells: Mapping[SizeKey, Cell], baseline: str, label: str, size: int) -> list[NextRun]:
    """Every candidate run, best first: each size of the baseline and of the label, and twice the largest.

    Runs of the label at other sizes narrow nothing, since their errors do not enter M(N).

    Raises:
        InputError: no such runs, or a single seed, which does not show how much a second one adds.
    """
    base = sizes_of(cells, baseline)
    if label == baseline:
        raise InputError(f"a multiplier compares a label with the baseline, and {label!r} is the baseline")
    if size not in sizes_of(cells, label):
        raise InputError(f"{label} was not run at N = {size}; its sizes: {', '.join(map(str, sizes_of(cells, label)))}")
    keys = [*((baseline, n) for n in base), (label, size)]
    if min(len(cells[key].seeds) for key in keys) < 2:
        raise InputError(f"the runs behind {label}@{size} have a single seed somewhere: run a second one first")
    now = cell_covariance({key: cells[key] for key in keys})
    before = deviation(now, keys)
    known = {seed for cell in cells.values() for seed in cell.seeds}
    runs = []
    for name in (baseline, label):
        sizes = sizes_of(cells, name)
        for n in [*sizes, 2 * sizes[-1]]:
            new = n not in sizes
            there = cells[name, n].seeds if not new else ()
            seed = min(known - set(there), default=max(known) + 1)
            after, used = now, keys
            if (name, n) in keys:
                after = now.with_seed((name, n))
            elif name == baseline:
                error = _predicted(now, base, baseline, n)
                after, used = now.with_cell((name, n), error, keys[:-1]), [*keys[:-1], (name, n), keys[-1]]
            runs.append(NextRun(name, n, seed, max(0.0, 1 - deviation(after, used) / before), new))
    return sorted(runs, key=lambda run: -run.shrinkage)


def deviation(known: CellCovariance, keys: Sequence[SizeKey]) -> float:
    """Standard deviation of log M; `keys` are those of the baseline's cells, followed by the label's.

    Raises:
        InputError: the baseline's law does not fall.
    """
    *base, last = keys
    places = [known.keys.index(key) for key in base]
    tested = known.count[places] * known.tested[places]
    sizes = [size for _, size in base]

    def log_multiplier(errors: Mapping[Any, Floats]) -> Floats:
        log_amplitude, exponent = fit_draws(sizes, np.stack([errors[key] for key in base], axis=1), tested)
        if exponent.min() <= 0:
            raise InputError(f"the error of {base[0][0]} does not fall with N: no multiplier can be read from it")
        return np.asarray((log_amplitude - np.log(np.maximum(errors[last], 1e-12))) / exponent)

    variance = known.components(known.gradient(log_multiplier)).total
    if not variance > 0:
        raise InputError(f"M({last[1]}) of {last[0]} has no variance: its cells do not vary")
    return math.sqrt(variance)


def _predicted(known: CellCovariance, sizes: Sequence[int], baseline: str, size: int) -> float:
    """The error that the baseline's law predicts at a size, below 1."""
    places = [known.keys.index((baseline, n)) for n in sizes]
    tested = known.count[places] * known.tested[places]
    log_amplitude, exponent = fit_draws(sizes, known.error[None, places], tested)
    return min(float(np.exp(log_amplitude[0] - exponent[0] * np.log(size))), 1 - 1 / float(known.tested.max()))
