"""Fits of laws to positive values such as losses, by Huber's loss of their log residuals. They may lie above 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats
from analysis.defaults import HUBER_DELTA
from analysis.fits.fit import Fit, size_range
from analysis.fits.laws import Law, LawName
from analysis.fits.size_laws import make_law, size_shape
from analysis.fits.solving import Solution, Tick, draw_values, nothing, solve_values


def fit_values(law: LawName, sizes: npt.ArrayLike, values: npt.ArrayLike, delta: float = HUBER_DELTA) -> Fit[Law]:
    """Fit a law to values at sizes, arrays (K,); a size may repeat. An infinite `delta` is least squares of logs.

    Raises:
        ValueError: shapes that differ, sizes or values that are not positive, values that are all the same, or fewer
            distinct sizes than the law has parameters.
    """
    n, y = positive(sizes, values)
    solution = solve_values(size_shape(law, n, rises(n, y)), y, delta)
    return as_fit(law, n, solution)


def value_draws(
    law: LawName,
    sizes: npt.ArrayLike,
    values: npt.ArrayLike,
    delta: float = HUBER_DELTA,
    draws: int = 1000,
    seed: int = 0,
    tick: Tick = nothing,
) -> Floats:
    """The law's parameters (B, P), in its order, of fits to B = `draws` samples by the wild bootstrap.

    Raises ValueError as `fit_values` does, and where there are too few points for an interval.
    """
    n, y = positive(sizes, values)
    solution = solve_values(size_shape(law, n, rises(n, y)), y, delta)
    return draw_values(solution, delta, draws, seed, tick)


def positive(*columns: npt.ArrayLike) -> tuple[Floats, ...]:
    """Columns of sizes and then of values as arrays (K,) that can be fitted. Raises ValueError as `fit_values`."""
    arrays = tuple(np.asarray(column, dtype=float) for column in columns)
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim != 1 or not arrays[0].size:
        raise ValueError(f"sizes and values differ in shape: {', '.join(str(array.shape) for array in arrays)}")
    if not all(np.all((array > 0) & np.isfinite(array)) for array in arrays):
        raise ValueError("sizes and values must be positive and finite")
    if np.ptp(arrays[-1]) == 0:
        raise ValueError(f"all values are {arrays[-1][0]:g}: there is nothing to fit")
    return arrays


def rises(sizes: Floats, values: Floats) -> bool:
    """Whether values (K,) rise with the size: the sign of the slope of log values on log sizes."""
    logs = np.log(sizes)
    return bool((logs - logs.mean()) @ np.log(values) > 0)


def as_fit(law: LawName, sizes: Floats, solution: Solution) -> Fit[Law]:
    """A solution as the fit of a law of one size."""
    return Fit(
        make_law(law, solution.parameters),
        solution.log_likelihood,
        *size_range(sizes),
        bounded=solution.bounded,
        free=solution.free,
        residuals=solution.residuals,
        covariance=solution.covariance,
    )
