"""Predictive intervals beyond the largest size: laws weighted by how well they predicted the largest sizes left out.

Each law is also fitted without the largest one to four sizes. Its weight is that of stacking of predictive
distributions (Yao et al. 2018, arXiv 1704.02030): the weights under which the mixture of all predictors gives the sizes
left out the highest density. Three predictors are no laws of the whole curve: a smoothing spline, which prior weight
favours; the power law of the later half of the sizes; and the last value, with the random walk that the steps between
sizes suggest. An interval holds the spread of the parameters (parametric bootstrap), of the predictors (mixture), and
of a new run about its curve (noise).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from analysis.arrays import Floats
from analysis.defaults import LEVEL
from analysis.fits.fit import counts
from analysis.fits.laws import LawName
from analysis.fits.losses import HuberLoss
from analysis.fits.optimum import FAINT, descend
from analysis.fits.size_laws import LAWS, size_shape
from analysis.fits.solving import ENOUGH, solve_values
from analysis.fits.spline import smoothing_spline
from analysis.fits.values import positive

PREDICTORS: tuple[LawName, ...] = ("power", "floor", "rectified", "turning", "broken")
LAST, RECENT, SPLINE = "last value", "recent power", "spline"
MOST_CUTS = 4
CUT_DRAWS = 60
FEWEST = 4  # distinct sizes
# The weights count as those of one size left out before any is looked at. A spline goes on as the curve bends wherever
# that is; a law does where the curve is of its form, and the last value where nothing else is known.
PRIOR = {LAST: 0.05, SPLINE: 20.0}  # relative to 1 of any other predictor
STEEPER = 2.0  # a curve is taken not to fall, or to rise, faster than this times its steepest fall or rise so far
RATIOS = np.geomspace(1e-4, 1e4, 17)  # of the variance of a spline's bending to that of noise, in units of log N
TURN = 0.5  # beside that, a curve may turn to a rise of this times its mean fall


@dataclass(frozen=True)
class Predictive:
    """The predicted value of a new run at J sizes.

    Attributes:
        sizes: (J,) N.
        median, low, high: (J,) of the predictive distribution; the interval holds 95 %.
        centre: (J,) the weighted geometric mean of the predictors.
        weights: of each predictor.
        single: (J,) each predictor's own prediction; absent where it cannot be fitted.
        draws: (B, J) of the distribution.
    """

    sizes: Floats
    median: Floats
    low: Floats
    high: Floats
    centre: Floats
    weights: Mapping[str, float]
    single: Mapping[str, Floats]
    draws: Floats


@dataclass(frozen=True)
class _Cut:
    """The data without the largest sizes: places of those retained and of those left out (empty for all data)."""

    kept: npt.NDArray[np.bool_]
    left_out: npt.NDArray[np.intp]


# The logs at a cut's J targets, and draws of them, (count, J).
_ByCut = Callable[[_Cut, Floats, int], tuple[Floats, Floats]]


@dataclass(frozen=True)
class _Predictor:
    """The logs of one predictor at each cut's targets, and draws of them; None where it cannot be fitted."""

    name: str
    centres: list[Floats | None]
    draws: list[Floats | None]


def predict_values(
    sizes: npt.ArrayLike,
    values: npt.ArrayLike,
    at: npt.ArrayLike,
    draws: int = 1000,
    seed: int = 0,
    laws: Sequence[LawName] = PREDICTORS,
    tested: float | None = None,
) -> Predictive:
    """Predict a new run's value at sizes `at` (J,) from values at sizes (K,), by least squares of log values.

    With `tested`, values are errors as shares: a new run's error over so many answers varies by binomial chance at
    least, and is 1 at most.

    Raises:
        ValueError: invalid data, or fewer than four distinct sizes.
    """
    n, v = positive(sizes, values)
    order = np.argsort(n, kind="stable")
    n, y = n[order], np.log(v[order])
    targets = np.atleast_1d(np.asarray(at, dtype=float))
    if not (np.isfinite(targets) & (targets > 0)).all():
        raise ValueError("sizes to predict must be positive and finite")
    cuts = _cuts(n)
    rng = np.random.default_rng(seed)
    samples = [draws, *[CUT_DRAWS] * (len(cuts) - 1)]
    goals = [targets, *(n[cut.left_out] for cut in cuts[1:])]
    simple = {LAST: _last(n, y, rng), RECENT: _recent(n, y, rng), SPLINE: _spline(n, y, rng)}
    predictors = [_at_every_cut(name, of, cuts, goals, samples) for name, of in simple.items()]
    predictors += [one for law in laws if (one := _by_law(law, n, y, cuts, goals, samples, rng)) is not None]
    noise, spare = _noise(n, y)
    if tested:
        # Runs may agree more than their answers' chance allows, by luck or because they share it.
        noise = max(noise, float(np.sqrt(np.median(np.maximum(1 / v - 1, 0.0)) / tested)))
    weights = _stack(predictors, cuts, y, noise)
    centre, mixture = _mixture(predictors, weights, 0, draws, rng)
    centre = np.minimum(centre, 0.0) if tested else centre
    own = noise * np.sqrt(spare / chdtri(spare, rng.uniform(size=draws)))
    rates = np.clip(np.exp(centre), 1e-9, 1.0)
    chance = np.sqrt((1 - rates) / rates / tested) if tested else np.zeros_like(rates)
    # One deviate for all sizes of a draw: the tails of `own` would make the ends of the intervals jagged.
    scatter = np.maximum(own[:, None], chance) * rng.standard_normal((draws, 1))
    logs = mixture + scatter
    logs = np.minimum(logs, 0.0) if tested else logs
    tail = (1 - LEVEL) / 2
    low, median, high = np.exp(np.quantile(logs, [tail, 0.5, 1 - tail], axis=0))
    single = {one.name: np.exp(one.centres[0]) for one in predictors if one.centres[0] is not None}
    named = {one.name: float(weight) for one, weight in zip(predictors, weights, strict=True)}
    return Predictive(targets, median, low, high, np.exp(centre), named, single, np.exp(logs))


def predict_counts(
    sizes: npt.ArrayLike,
    wrong: npt.ArrayLike,
    tested: npt.ArrayLike,
    at: npt.ArrayLike,
    draws: int = 1000,
    seed: int = 0,
) -> Predictive:
    """Predict the error of a new run from `wrong` of `tested` at sizes (K,), as :func:`predict_values` does.

    Least squares of log errors; half an error more, of one answer more, gives a size without errors a log.
    """
    n, k, t = counts(sizes, wrong, tested)
    return predict_values(n, (k + 0.5) / (t + 1), at, draws, seed, tested=float(np.median(t)))


def _cuts(sizes: Floats) -> list[_Cut]:
    """All data first, then without the largest one, two, ... sizes."""
    distinct = np.unique(sizes)
    if len(distinct) < FEWEST:
        raise ValueError(f"a prediction needs {FEWEST} sizes or more, not {len(distinct)}")
    most = min(MOST_CUTS, max(1, len(distinct) // 3))
    cuts = [_Cut(np.ones(len(sizes), dtype=bool), np.zeros(0, dtype=np.intp))]
    for count in range(1, most + 1):
        kept = sizes < distinct[-count]
        cuts.append(_Cut(kept, np.flatnonzero(~kept)))
    return cuts


def _by_law(
    law: LawName,
    sizes: Floats,
    logs: Floats,
    cuts: Sequence[_Cut],
    goals: Sequence[Floats],
    samples: Sequence[int],
    rng: np.random.Generator,
) -> _Predictor | None:
    """A law fitted to every cut that has a point more than the law has parameters; None where all data have not."""
    try:
        shape = size_shape(law, sizes)
        solution = solve_values(shape, np.exp(logs), np.inf)
    except ValueError:
        return None
    masks = np.stack([cut.kept for cut in cuts]).astype(float)
    parameters = len(shape.lower)
    spare = masks.sum(axis=1) - parameters
    able = np.flatnonzero(spare > 0)
    if not len(able) or able[0] != 0:
        return None
    level = solution.level
    start = shape.with_terms(solution.point, FAINT)
    loss = HuberLoss(logs[None] - level, np.inf, masks[able])
    points = descend(shape, [loss], np.tile(start, (len(able), 1)), ENOUGH).points
    fitted = np.log(np.maximum(shape.predict(points).value, 1e-300))
    variance = (masks[able] * (logs - level - fitted) ** 2).sum(axis=1) / spare[able]
    # One optimisation for the draws of all cuts.
    rows = np.repeat(np.arange(len(able)), [samples[place] for place in able])
    ratio = spare[able][rows] / chdtri(spare[able][rows], rng.uniform(size=len(rows)))
    noise = np.sqrt(variance[rows] * ratio)[:, None] * rng.standard_normal((len(rows), len(sizes)))
    sampled = HuberLoss(fitted[rows] + noise, np.inf, masks[able][rows])
    drawn = descend(shape, [sampled], shape.with_terms(points, FAINT)[rows], ENOUGH, steps=40).points
    kind = LAWS[law][0]

    def at(where: Floats, place: int) -> Floats:
        with np.errstate(all="ignore"):
            values = kind(*shape.parameters(where, level).T[:, :, None]).predict(goals[place])
            return _plausible(
                np.log(np.broadcast_to(values, (len(where), len(goals[place])))), sizes, logs, cuts[place], goals[place]
            )

    centres: list[Floats | None] = [None] * len(cuts)
    draws: list[Floats | None] = [None] * len(cuts)
    for row, place in enumerate(able):
        centres[place] = at(points[row : row + 1], int(place))[0]
        draws[place] = at(drawn[rows == row], int(place))
    return _Predictor(law, centres, draws)


def _last(sizes: Floats, logs: Floats, rng: np.random.Generator) -> _ByCut:
    """The last value, with the random walk of the steps between sizes."""

    def of(cut: _Cut, goal: Floats, count: int) -> tuple[Floats, Floats]:
        distinct, means = _means(sizes[cut.kept], logs[cut.kept])
        step = np.sqrt(np.mean(np.diff(means) ** 2 / np.diff(np.log(distinct))))
        spread = step * np.sqrt(np.maximum(np.log(goal / distinct[-1]), 0.0))
        centre = np.full(len(goal), means[-1])
        return centre, centre + spread * rng.standard_normal((count, 1))

    return of


def _recent(sizes: Floats, logs: Floats, rng: np.random.Generator) -> _ByCut:
    """The power law of the later half of the sizes, three at least."""

    def of(cut: _Cut, goal: Floats, count: int) -> tuple[Floats, Floats]:
        distinct = np.unique(sizes[cut.kept])
        some = cut.kept & (sizes >= distinct[-max(3, (len(distinct) + 1) // 2) :][0])
        x = np.log(sizes[some])
        basis, target = (np.stack([np.ones_like(each), each - x.mean()], axis=1) for each in (x, np.log(goal)))
        inverse = np.linalg.inv(basis.T @ basis)
        best = inverse @ basis.T @ logs[some]
        spare = len(x) - 2
        variance = float(((logs[some] - basis @ best) ** 2).sum()) / spare
        scale = np.sqrt(variance * spare / chdtri(spare, rng.uniform(size=count)))[:, None]
        drawn = best + scale * (rng.standard_normal((count, 2)) @ np.linalg.cholesky(inverse).T)
        centre = _plausible((target @ best)[None], sizes, logs, cut, goal)[0]
        return centre, _plausible(drawn @ target.T, sizes, logs, cut, goal)

    return of


def _spline(sizes: Floats, logs: Floats, rng: np.random.Generator) -> _ByCut:
    """Cubic smoothing splines of log value in log N; each of `RATIOS` has the weight of its restricted likelihood."""

    def of(cut: _Cut, goal: Floats, count: int) -> tuple[Floats, Floats]:
        x, y, at = np.log(sizes[cut.kept] / sizes[0]), logs[cut.kept], np.log(goal / sizes[0])
        splines = [smoothing_spline(x, y, at, ratio) for ratio in RATIOS]
        likelihoods = np.array([one.log_likelihood for one in splines])
        weights = np.exp(likelihoods - likelihoods.max())
        weights /= weights.sum()
        centres, covariances = (
            np.stack(each) for each in zip(*((o.centre, o.covariance) for o in splines), strict=True)
        )
        values, vectors = np.linalg.eigh(covariances)
        roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
        chosen = rng.choice(len(RATIOS), size=count, p=weights)
        spare = len(x) - 2
        tails = np.sqrt(spare / chdtri(spare, rng.uniform(size=(count, 1))))
        drawn = centres[chosen] + tails * np.einsum("bij,bj->bi", roots[chosen], rng.standard_normal((count, len(at))))
        return np.asarray(weights @ centres), np.asarray(drawn)

    return of


def _at_every_cut(
    name: str, of: _ByCut, cuts: Sequence[_Cut], goals: Sequence[Floats], samples: Sequence[int]
) -> _Predictor:
    """A predictor that every cut has enough sizes for."""
    centres, draws = zip(*(of(*each) for each in zip(cuts, goals, samples, strict=True)), strict=True)
    return _Predictor(name, list(centres), list(draws))


def _means(sizes: Floats, logs: Floats) -> tuple[Floats, Floats]:
    """The distinct sizes, and the mean log value at each."""
    distinct, places = np.unique(sizes, return_inverse=True)
    return distinct, np.bincount(places, logs) / np.bincount(places)


def _plausible(predicted: Floats, sizes: Floats, logs: Floats, cut: _Cut, goal: Floats) -> Floats:
    """A law's logs (B, J) within what the curve so far makes plausible (`STEEPER`, `TURN`) and a step more.

    The steepest fall and rise are those between sizes two apart, which noise moves less.
    """
    distinct, means = _means(sizes[cut.kept], logs[cut.kept])
    x, apart = np.log(distinct), min(2, len(distinct) - 1)
    slopes = (means[apart:] - means[:-apart]) / (x[apart:] - x[:-apart])
    beyond, step = np.maximum(np.log(goal) - x[-1], 0.0), abs(means[-1] - means[-2])
    turned = TURN * max(0.0, float(means[0] - means[-1])) / (x[-1] - x[0])
    most = means[-1] + step + (STEEPER * max(0.0, float(slopes.max())) + turned) * beyond
    least = means[-1] - step + STEEPER * min(0.0, float(slopes.min())) * beyond
    return np.clip(np.nan_to_num(predicted, nan=float(means[-1]), posinf=1e3, neginf=-1e3), least, most)


def _noise(sizes: Floats, logs: Floats) -> tuple[float, int]:
    """The standard deviation of log values about a smooth curve, with its degrees of freedom.

    From second differences of the means of neighbouring sizes, and between runs of one size.
    """
    distinct, means = _means(sizes, logs)
    runs = np.bincount(np.unique(sizes, return_inverse=True)[1])
    x = np.log(distinct)
    left = (x[2:] - x[1:-1]) / (x[2:] - x[:-2])
    off = means[1:-1] - left * means[:-2] - (1 - left) * means[2:]
    variance = off**2 / (1 / runs[1:-1] + left**2 / runs[:-2] + (1 - left) ** 2 / runs[2:])
    within = float(((logs - means[np.searchsorted(distinct, sizes)]) ** 2).sum())
    spare = int(len(sizes) - len(distinct))
    if spare >= len(off):
        return float(np.sqrt(within / spare)), spare
    return float(np.sqrt((within + variance.sum()) / (spare + len(off)))), spare + max(1, len(off) // 2)


def _moments(predictors: Sequence[_Predictor], place: int, noise: float) -> tuple[Floats, Floats]:
    """The centres and the spreads (predictors, J) at a cut; a predictor that cannot is the last value."""
    centres, spreads = [], []
    for one in predictors:
        known = one if one.centres[place] is not None else predictors[0]
        centre, drawn = known.centres[place], known.draws[place]
        assert centre is not None and drawn is not None, "the last value is known at every cut"
        low, high = np.quantile(drawn, [0.16, 0.84], axis=0)
        centres.append(centre)
        spreads.append(np.sqrt(((high - low) / 2) ** 2 + noise**2))
    return np.stack(centres), np.stack(spreads)


def _stack(predictors: Sequence[_Predictor], cuts: Sequence[_Cut], logs: Floats, noise: float) -> Floats:
    """The weights (predictors,) of the mixture of highest density at the sizes left out, by EM."""
    densities, importance = [], []
    for place, cut in enumerate(cuts[1:], start=1):
        centres, spreads = _moments(predictors, place, noise)
        z = (logs[cut.left_out] - centres) / spreads
        densities.append(-(z**2) / 2 - np.log(spreads))
        importance.append(np.full(len(cut.left_out), len(cut.left_out) ** -0.5))  # one cut's are off together
    scores, shares = np.concatenate(densities, axis=1), np.concatenate(importance)
    scores = np.exp(scores - scores.max(axis=0))
    prior = np.array([PRIOR.get(one.name, 1.0) for one in predictors])
    weights = prior = prior / prior.sum()
    for _ in range(300):
        each = weights[:, None] * scores + 1e-300
        weights = (each / each.sum(axis=0) @ shares) + prior
        weights = weights / weights.sum()
    return weights


def _mixture(
    predictors: Sequence[_Predictor], weights: Floats, place: int, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The weighted mean of the centres (J,), and draws (B, J) of the mixture."""
    centres, _ = _moments(predictors, place, 0.0)
    chosen = rng.choice(len(predictors), size=draws, p=weights)
    tables = [one.draws[place] if one.draws[place] is not None else predictors[0].draws[place] for one in predictors]
    picked = [tables[which][row % len(tables[which])] for row, which in enumerate(chosen)]
    return weights @ centres, np.stack(picked)
