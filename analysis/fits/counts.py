"""Binomial maximum-likelihood fits of any law to error counts; those of the power law are in analysis/fits/power.py."""

from __future__ import annotations

import numpy.typing as npt

from analysis.arrays import Floats
from analysis.fits.fit import Fit, counts
from analysis.fits.laws import Law, LawName
from analysis.fits.power import fit_power_law
from analysis.fits.size_laws import size_shape
from analysis.fits.solving import Tick, draw_counts, nothing, solve_counts
from analysis.fits.values import as_fit


def fit_counts(law: LawName, sizes: npt.ArrayLike, wrong: npt.ArrayLike, tested: npt.ArrayLike) -> Fit[Law]:
    """Fit a law to `wrong` of `tested` at sizes, arrays (K,); a size may repeat, once per seed.

    Raises:
        ValueError: shapes that differ, invalid counts, no errors at all, or fewer distinct sizes than the
            law has parameters.
    """
    n, k, t = counts(sizes, wrong, tested)
    shape = size_shape(law, n)
    return fit_power_law(n, k, t) if law == "power" else as_fit(law, n, solve_counts(shape, k, t))


def count_draws(
    law: LawName,
    sizes: npt.ArrayLike,
    wrong: npt.ArrayLike,
    tested: npt.ArrayLike,
    draws: int = 1000,
    seed: int = 0,
    tick: Tick = nothing,
) -> Floats:
    """The law's parameters (B, P), in its order, of fits to B = `draws` samples from the fitted law.

    The samples are binomial, with the overdispersion of the data. Raises ValueError as `fit_counts` does.
    """
    n, k, t = counts(sizes, wrong, tested)
    solution = solve_counts(size_shape(law, n), k, t)
    return draw_counts(solution, t, draws, seed, tick)
