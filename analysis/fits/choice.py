"""Choice of a law: by Akaike's criterion, and by predictions of the largest sizes when those are left out.

The two may disagree. The criterion asks which law the fitted points support; leaving out asks which law extrapolates,
and whether any does better than predicting no change beyond the last size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats
from analysis.defaults import HUBER_DELTA
from analysis.fits.counts import fit_counts
from analysis.fits.fit import Fit, aicc, counts, pearson_dispersion
from analysis.fits.joint import JointFit
from analysis.fits.laws import Law, LawName
from analysis.fits.size_laws import AUTO_LAWS
from analysis.fits.solving import Tick, nothing
from analysis.fits.values import fit_values, positive

LEFT_OUT = (1, 2)  # how many of the largest sizes
Points = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Candidate:
    """A fitted law with its scores.

    Attributes:
        fit: to all points.
        aicc: of that fit; for overdispersed counts with the likelihood divided by the dispersion (QAICc). Infinite
            with too few points.
        left_out: for each of LEFT_OUT, the root mean square of log errors at the sizes left out; None where the law
            cannot be fitted without them.
    """

    law: LawName
    fit: Fit[Law]
    aicc: float
    left_out: tuple[float | None, ...]


@dataclass(frozen=True)
class Choice:
    """Laws fitted to the same data, the lowest AICc first (of equal ones, the fewest parameters).

    Attributes:
        baseline: `Candidate.left_out` of predicting the error of the largest size that was fitted.
        dispersion: by which the likelihoods were divided; 1 for values.
        unfitted: law -> the reason why it could not be fitted.
    """

    candidates: tuple[Candidate, ...]
    baseline: tuple[float | None, ...]
    dispersion: float
    unfitted: Mapping[LawName, str]

    @property
    def best(self) -> Candidate:
        """The candidate of lowest AICc."""
        return self.candidates[0]

    def best_left_out(self, index: int) -> Candidate | None:
        """The candidate of lowest error at the LEFT_OUT[index] largest sizes; None where the baseline is as good."""
        baseline = self.baseline[index]
        able = [(error, one) for one in self.candidates if (error := one.left_out[index]) is not None]
        if baseline is None or not able:
            return None
        least, best = min(able, key=lambda pair: pair[0])
        return best if least < baseline else None


def choose_for_values(
    sizes: npt.ArrayLike,
    values: npt.ArrayLike,
    laws: Sequence[LawName] = AUTO_LAWS,
    delta: float = HUBER_DELTA,
    tick: Tick = nothing,
) -> Choice:
    """Compare laws on values at sizes (K,); `tick` is called after each fit.

    Raises ValueError where the first cannot be fitted.
    """
    n, y = positive(sizes, values)

    def fit(law: LawName, mask: Points) -> Fit[Law]:
        tick()
        return fit_values(law, n[mask], y[mask], delta)

    return _choose(laws, n, np.log(y), fit)


def choose_for_counts(
    sizes: npt.ArrayLike,
    wrong: npt.ArrayLike,
    tested: npt.ArrayLike,
    laws: Sequence[LawName] = AUTO_LAWS,
    tick: Tick = nothing,
) -> Choice:
    """Compare laws on `wrong` of `tested` at sizes (K,), as :func:`choose_for_values` does."""
    n, k, t = counts(sizes, wrong, tested)
    observed = np.log((k + 0.5) / (t + 1))  # half an error more gives a point without errors a log

    def fit(law: LawName, mask: Points) -> Fit[Law]:
        tick()
        return fit_counts(law, n[mask], k[mask], t[mask])

    return _choose(laws, n, observed, fit, binomial=True)


def _choose(
    laws: Sequence[LawName],
    sizes: Floats,
    observed: Floats,
    fit: Callable[[LawName, Points], Fit[Law]],
    binomial: bool = False,
) -> Choice:
    fits, unfitted = {}, {}
    for law in laws:
        try:
            fits[law] = fit(law, np.ones(len(sizes), dtype=bool))
        except ValueError as error:
            if not fits:
                raise
            unfitted[law] = str(error)
    # The overdispersion that remains under the law of closest fit.
    ratios = [pearson_dispersion(np.array(one.residuals), one.free) for one in fits.values()]
    dispersion = min(ratios) if binomial else 1.0
    retained = [_without_largest(sizes, count) for count in LEFT_OUT]
    candidates = []
    for law, one in fits.items():
        left_out = tuple(_left_out(law, fit, sizes, observed, keep) for keep in retained)
        candidates.append(Candidate(law, one, quasi_aicc(one, dispersion), left_out))
    baseline = tuple(_rms(observed[~keep] - _last(sizes, observed, keep)) if keep.any() else None for keep in retained)
    return Choice(tuple(sorted(candidates, key=lambda one: (one.aicc, one.fit.free))), baseline, dispersion, unfitted)


def quasi_aicc(fit: Fit[Any] | JointFit, dispersion: float) -> float:
    """The AICc of a fit to counts that are overdispersed by a factor; a factor above 1 counts as one more parameter."""
    return aicc(fit.log_likelihood / dispersion, fit.free + (dispersion > 1), len(fit.residuals))


def _without_largest(sizes: Floats, count: int) -> Points:
    distinct = np.unique(sizes)
    return np.asarray(sizes < distinct[-count]) if len(distinct) > count else np.zeros(len(sizes), dtype=bool)


def _left_out(
    law: LawName, fit: Callable[[LawName, Points], Fit[Law]], sizes: Floats, observed: Floats, keep: Points
) -> float | None:
    if not keep.any():
        return None
    try:
        law_without = fit(law, keep).law
    except ValueError:
        return None
    with np.errstate(divide="ignore"):
        return _rms(observed[~keep] - np.log(law_without.predict(sizes[~keep])))


def _last(sizes: Floats, observed: Floats, keep: Points) -> float:
    return float(observed[sizes == sizes[keep].max()].mean())


def _rms(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2)))
