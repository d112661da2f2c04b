"""The report of `fit` and `fit-joint` on one group of points: parameters with intervals, and a comparison of laws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from analysis.arrays import Floats
from analysis.defaults import LEVEL
from analysis.fits.choice import LEFT_OUT, Choice, choose_for_counts, choose_for_values, quasi_aicc
from analysis.fits.counts import count_draws, fit_counts
from analysis.fits.derived import derived, derived_draws
from analysis.fits.fit import Fit, pearson_dispersion
from analysis.fits.joint import JointFit, fit_joint, fit_joint_values, joint_count_draws, joint_value_draws
from analysis.fits.prediction import Predictive, predict_counts, predict_values
from analysis.fits.solving import Tick, nothing
from analysis.fits.values import fit_values, value_draws

EQUATIONS = {
    "power": "amplitude N^-exponent",
    "floor": "floor + amplitude N^-exponent",
    "rectified": "floor + amplitude / (prelearned + N^exponent)",
    "turning": "amplitude N^-exponent + rise N^rise_exponent",
    "sigmoid": "start + (asymptote - start) / (1 + (midpoint / N)^exponent)",
    "broken": "amplitude N^-exponent (1 + (N / break_size)^(1 / width))^(-change width)",
    "broken-floor": "floor + the broken law",
    "twice-broken": "the broken law (1 + (N / second_break_size)^(1 / second_width))^(-second_change second_width)",
    "twice-broken-floor": "floor + the twice broken law",
    "effective": "floor + amplitude (P + kappa M)^-exponent",
    "additive": "floor + amplitude P^-exponent + negative_amplitude M^-negative_exponent",
    "multiplicative": "floor + amplitude P^-exponent M^-negative_exponent",
    "saturating": "floor + amplitude (P + kappa P saturation (1 - exp(-M / P / saturation)))^-exponent",
    "repeated": "floor + amplitude (P + P saturation (1 - exp(-M / P / saturation)))^-exponent",
}


@dataclass(frozen=True)
class Rank:
    """One line of the comparison of laws.

    Attributes:
        free: number of fitted parameters, including a scale of the values.
        left_out: root mean square of log errors at the largest sizes when left out, for each of LEFT_OUT; empty for
            joint laws.
    """

    law: str
    free: int | None
    aicc: float | None
    left_out: tuple[float | None, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Report:
    """One group's fit.

    Attributes:
        group: its value of the grouping column, if any.
        ranges: the fitted range of each size, (smallest, largest).
        intervals: 95 %, of every fitted parameter; none where they cannot be computed.
        kind: how the intervals were computed.
        ranking: the compared laws, best first; empty where one law was requested.
        derived: quantities that mean the same for every law of one size; `intervals` has theirs too.
        predicted: a new run at sizes that were asked for.
    """

    group: str | None
    law: str
    fit: Fit[Any] | JointFit
    binomial: bool
    ranges: Mapping[str, tuple[float, float]]
    intervals: Mapping[str, tuple[float, float]]
    kind: str
    ranking: tuple[Rank, ...] = ()
    derived: Mapping[str, float] = field(default_factory=dict)
    predicted: Predictive | None = None

    @property
    def scatter(self) -> dict[str, float]:
        """The scatter of the points about the law."""
        residuals = np.array(self.fit.residuals)
        if self.binomial:
            return {"over_dispersion": pearson_dispersion(residuals, self.fit.free)}
        return {"log_rmsd": float(np.sqrt(np.mean(residuals**2)))}

    def as_json(self) -> dict[str, Any]:
        """Everything as plain objects; numbers that are not finite as null."""
        ends = {name: [_finite(end) for end in interval] for name, interval in self.intervals.items()}
        named = {
            name: {"estimate": _finite(value), "interval": ends.get(name)}
            for name, value in self.fit.parameters.items()
        }
        return {
            "group": self.group,
            "law": self.law,
            "equation": EQUATIONS[self.law],
            "parameters": named,
            "derived": {
                name: {"estimate": _finite(value), "interval": ends.get(name)} for name, value in self.derived.items()
            },
            **({} if self.predicted is None else {"predicted": _predicted_json(self.predicted)}),
            "intervals": self.kind,
            "points": len(self.fit.residuals),
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
            "bounded": self.fit.bounded,
            "log_likelihood": _finite(self.fit.log_likelihood),
            "aicc": _finite(self.fit.aicc),
            **{name: _finite(value) for name, value in self.scatter.items()},
            "compared": [
                {"law": rank.law, "free": rank.free, "aicc": _finite(rank.aicc), "note": rank.note}
                | {f"left_out_{count}": _finite(value) for count, value in zip(LEFT_OUT, rank.left_out, strict=False)}
                for rank in self.ranking
            ],
            "residuals": [_finite(residual) for residual in self.fit.residuals],
        }

    def tables(self) -> list[Table]:
        """The parameters, and the comparison of laws if there is one."""
        name = "" if self.group is None else f"{self.group}: "
        scatter = ", ".join(f"{what.replace('_', ' ')} {value:.3g}" for what, value in self.scatter.items())
        ranges = ", ".join(f"{what} {low:g} to {high:g}" for what, (low, high) in self.ranges.items())
        caption = f"{len(self.fit.residuals)} points, {ranges}; {scatter}. Intervals: {self.kind}."
        if self.fit.bounded:
            caption += " On a bound: an exponent is a limit here, no estimate."
        table = Table(title=escape(f"{name}{self.law}: {EQUATIONS[self.law]}"), caption=escape(caption), min_width=90)
        for column in ("parameter", "estimate", "95 % interval"):
            table.add_column(column)
        for parameter, value in self.fit.parameters.items():
            ends = "{:.4g} to {:.4g}".format(*self.intervals[parameter]) if parameter in self.intervals else "-"
            table.add_row(parameter, f"{value:.5g}", ends)
        table.add_section()
        for quantity, value in self.derived.items():
            ends = "{:.4g} to {:.4g}".format(*self.intervals[quantity]) if quantity in self.intervals else "-"
            table.add_row(quantity, "-" if math.isnan(value) else f"{value:.5g}", ends)
        tables = [table, *([self._comparison(name)] if self.ranking else [])]
        return tables if self.predicted is None else [*tables, _predicted_table(name, self.predicted)]

    def _comparison(self, name: str) -> Table:
        table = Table(title=escape(f"{name}laws compared"), min_width=90)
        counts = [f"log error, largest {count} left out" for count in LEFT_OUT if self.ranking[0].left_out]
        for column in ("law", "free", "AICc", *counts, "note"):
            table.add_column(column)
        for rank in self.ranking:
            numbers = [_shown(rank.aicc, 2), *(_shown(value, 4) for value in rank.left_out)]
            table.add_row(rank.law, "-" if rank.free is None else str(rank.free), *numbers, escape(rank.note))
        return table


def fit_report(
    group: str | None,
    law: Any,
    sizes: Floats,
    outcome: Floats,
    tested: Floats | None,
    delta: float,
    draws: int,
    tick: Tick = nothing,
    at: Sequence[float] = (),
) -> Report:
    """Fit a law, or with "auto" the best of all, to values (K,) or to counts. Raises ValueError where none can be.

    `tick` is called after each fit and each batch of draws. A new run is predicted at the sizes `at`.
    """
    _must_vary(outcome, tested)
    ranking: tuple[Rank, ...] = ()
    if law == "auto":
        if tested is None:
            choice = choose_for_values(sizes, outcome, delta=delta, tick=tick)
        else:
            choice = choose_for_counts(sizes, outcome, tested, tick=tick)
        law, ranking = choice.best.law, _ranking(choice)
    if tested is None:
        fit = fit_values(law, sizes, outcome, delta)
        drawn = _draws(lambda: value_draws(law, sizes, outcome, delta, draws, tick=tick))
    else:
        fit = fit_counts(law, sizes, outcome, tested)
        drawn = count_draws(law, sizes, outcome, tested, draws, tick=tick)
    ranges, binomial = {"N": (fit.smallest, fit.largest)}, tested is not None
    intervals = parameter_intervals(fit.parameters, drawn)
    extra = derived(fit.law, fit.smallest, fit.largest)
    if drawn is not None:
        of_draws = derived_draws(type(fit.law), drawn, fit.smallest, fit.largest)
        known = np.array([not math.isnan(value) for value in extra.values()])
        some = {name: value for name, value in extra.items() if not math.isnan(value)}
        # A draw that does not fall never halves.
        intervals |= parameter_intervals(some, np.nan_to_num(of_draws, nan=np.inf, posinf=np.inf)[:, known])
    predicted = None
    if at:
        predicted = (
            predict_values(sizes, outcome, at, draws)
            if tested is None
            else predict_counts(sizes, outcome, tested, at, draws)
        )
    return Report(group, law, fit, binomial, ranges, intervals, _kind(binomial, drawn), ranking, extra, predicted)


def joint_report(
    law: Any, positives: Floats, negatives: Floats, outcome: Floats, tested: Floats | None, delta: float, draws: int
) -> Report:
    """Fit a joint law with a floor of 0 and with a fitted one, and report the one of lower AICc. Raises ValueError."""
    _must_vary(outcome, tested)
    fits: dict[bool, JointFit] = {}
    unfitted: list[Rank] = []
    for floor in (False, True):
        try:
            if tested is None:
                fits[floor] = fit_joint_values(law, positives, negatives, outcome, floor, delta)
            else:
                fits[floor] = fit_joint(law, positives, negatives, outcome, tested, floor)
        except ValueError as error:
            if not fits:
                raise
            unfitted.append(Rank(_floor_name(law, floor), None, None, note=str(error)))
    binomial = tested is not None
    ratios = [pearson_dispersion(np.array(fit.residuals), fit.free) for fit in fits.values()]
    dispersion = min(ratios) if binomial else 1.0
    scores = {floor: quasi_aicc(fit, dispersion) for floor, fit in fits.items()}
    order = sorted(fits, key=lambda floor: (scores[floor], floor))
    best, fit = order[0], fits[order[0]]
    if tested is None:
        drawn = _draws(lambda: joint_value_draws(law, positives, negatives, outcome, best, delta, draws))
    else:
        drawn = joint_count_draws(law, positives, negatives, outcome, tested, best, draws)
    ranks = [
        Rank(_floor_name(law, floor), fits[floor].free, scores[floor], note="lowest AICc" if floor == best else "")
        for floor in order
    ]
    intervals = parameter_intervals(fit.parameters, drawn)
    if not best:
        intervals.pop("floor", None)  # fixed at 0
    ranges = {"P": fit.positives, "M": fit.negatives}
    return Report(None, law, fit, binomial, ranges, intervals, _kind(binomial, drawn), (*ranks, *unfitted))


def _predicted_json(predicted: Predictive) -> dict[str, Any]:
    columns = (predicted.sizes, predicted.centre, predicted.low, predicted.high)
    return {
        "sizes": [
            {"size": _finite(size), "estimate": _finite(centre), "interval": [_finite(low), _finite(high)]}
            for size, centre, low, high in zip(*columns, strict=True)
        ],
        "weights": dict(predicted.weights),
        "single": {name: [_finite(value) for value in values] for name, values in predicted.single.items()},
    }


def _predicted_table(name: str, predicted: Predictive) -> Table:
    weights = ", ".join(
        f"{one} {100 * weight:.0f} %"
        for one, weight in sorted(predicted.weights.items(), key=lambda pair: -pair[1])
        if weight >= 0.005
    )
    caption = f"Weights by stacking on the largest sizes left out: {weights}. Interval of a single new run."
    table = Table(title=escape(f"{name}predicted"), caption=escape(caption), min_width=90)
    for column in ("N", "value", "95 % interval", *predicted.single):
        table.add_column(escape(column))
    for place, size in enumerate(predicted.sizes):
        alone = (f"{values[place]:.4g}" for values in predicted.single.values())
        ends = f"{predicted.low[place]:.4g} to {predicted.high[place]:.4g}"
        table.add_row(f"{size:,.15g}", f"{predicted.centre[place]:.4g}", ends, *alone)
    return table


def _must_vary(outcome: Floats, tested: Floats | None) -> None:
    shares = outcome if tested is None else outcome / tested
    if np.ptp(shares) == 0:
        raise ValueError(f"y is {shares[0]:g} everywhere: there is nothing to fit")


def _ranking(choice: Choice) -> tuple[Rank, ...]:
    """The candidates, then the baseline, then the laws that could not be fitted."""
    best = [choice.best_left_out(index) for index in range(len(LEFT_OUT))]
    ranks = []
    for one in choice.candidates:
        notes = ["lowest AICc"] if one is choice.best else []
        notes += [f"best with {count} left out" for count, winner in zip(LEFT_OUT, best, strict=True) if winner is one]
        ranks.append(Rank(one.law, one.fit.free, one.aicc, one.left_out, ", ".join(notes)))
    ranks.append(Rank("last value", None, None, choice.baseline, "baseline of the sizes left out"))
    empty = (None,) * len(LEFT_OUT)
    return (*ranks, *(Rank(law, None, None, empty, reason) for law, reason in choice.unfitted.items()))


def _draws(make: Callable[[], Floats]) -> Floats | None:
    """Draws, or None where there are too few points for an interval."""
    try:
        return make()
    except ValueError:
        return None


def parameter_intervals(estimates: Mapping[str, float], drawn: Floats | None) -> dict[str, tuple[float, float]]:
    """95 % intervals of the columns of draws (B, P) by the names of the estimates, which they hold; none without draws.

    An estimate at a bound may have all its draws on one side; the interval then starts at the estimate.
    """
    columns = () if drawn is None else drawn.T
    tail = (1 - LEVEL) / 2
    intervals = {}
    for (name, value), column in zip(estimates.items(), columns, strict=drawn is not None):
        # No interpolation where draws are infinite: it is undefined between them and finite ones.
        ways = ("linear", "linear") if np.isfinite(column).all() else ("lower", "higher")
        low, high = (np.quantile(column, q, method=way) for q, way in zip((tail, 1 - tail), ways, strict=True))  # type: ignore[call-overload]
        intervals[name] = (min(float(low), value), max(float(high), value))
    return intervals


def _kind(binomial: bool, drawn: Floats | None) -> str:
    if drawn is None:
        return "too few points for an interval"
    if binomial:
        return f"percentiles of {len(drawn)} binomial samples from the law, scaled by the overdispersion"
    return f"percentiles of {len(drawn)} samples by the wild bootstrap"


def _floor_name(law: str, floor: bool) -> str:
    return f"{law}, floor {'fitted' if floor else '0'}"


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
