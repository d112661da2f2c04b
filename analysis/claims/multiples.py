"""Relative data efficiency: a method's multiplier against the claimed one, and against 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.claims.claim import FACTOR, Claim, Question, Rule
from analysis.claims.statistics import by_size
from analysis.defaults import BASELINE
from analysis.fits.power import fit_draws
from analysis.stats.estimates import Estimate, Points, more_data, narrowing
from analysis.stats.variance import Statistic
from analysis.study.mean_multipliers import Summary
from analysis.study.multipliers import Multiplier
from analysis.study.study import Study

FIGURE = "multipliers"


def _about(label: str, words: str, factor: int) -> Question:
    """A claim of "about F times": within a factor of 2 of it."""
    low, high = factor / 2, factor * 2
    return Question(
        f"{words} match {BASELINE} on about {factor}x as much teacher data",
        FIGURE,
        FACTOR,
        Rule(
            f"geometric mean of M(N) of {label}; holds: within {low:g}x to {high:g}x; contradicted: outside",
            (math.log(low), math.log(high)),
            ("contradicted", "holds", "contradicted"),
        ),
        f'{BASELINE} and {label} over N (rows with figure "size"), {BASELINE} to larger N',
    )


def _gain(label: str, words: str) -> Question:
    """A claim of any gain."""
    about = _about(label, words, 2)
    rule = Rule(
        f"geometric mean of M(N) of {label}; holds: above 1x; contradicted: below", (0.0,), ("contradicted", "holds")
    )
    return replace(about, claim=f"{words} are worth more than no extra data", rule=rule)


SELF = ("rft", "self-generated positives")
PER_STEP = ("step_dpo", "per-step negatives")


def self_generated(study: Study) -> list[Claim]:
    """The claims on self-generated positives (rft): a gain, and about 2x."""
    return [_answer(study, SELF[0], _gain(*SELF)), _answer(study, SELF[0], _about(*SELF, 2))]


def per_step(study: Study) -> list[Claim]:
    """The claims on per-step negatives (step_dpo): a gain, and about 8x."""
    return [_answer(study, PER_STEP[0], _gain(*PER_STEP)), _answer(study, PER_STEP[0], _about(*PER_STEP, 8))]


def _answer(study: Study, label: str, question: Question) -> Claim:
    """The claim from the label's mean multiplier in the baseline's measured range; if no size is there, a bound."""
    base, sizes = study.shared_sizes(BASELINE), study.shared_sizes(label)
    if len(base) < 2 or not sizes:
        return question.not_run(study.task)
    single = [one for one in study.multipliers if one.label == label]
    if not single:  # the baseline's law does not fall: no multiplier can be read from it
        return replace(question.not_run(study.task), verdict="inconclusive", needed="", note=study.no_multipliers)
    summary = next((one for one in study.data_efficiency.summaries if one.label == label), None)
    estimate = _bounds(single) if summary is None else _mean(summary)
    used = sizes if summary is None else list(summary.sizes)
    where = f"beyond {BASELINE}'s runs at every N" if summary is None else f"over N = {', '.join(map(str, used))}"
    if summary is not None and summary.verdict in ("grows", "shrinks"):
        where += f" ({summary.verdict} with N)"
    note = f"{where}; {by_size(sizes, [one.short() for one in single])}"
    keys = [*((BASELINE, size) for size in base), *((label, size) for size in used)]
    least = study.sample.fewest_seeds(keys) > 1
    if least and question.rule.judge(estimate) != "inconclusive":
        return question.settled(study.task, estimate, "", note)
    if math.isinf(estimate.low) or math.isinf(estimate.high):
        ends = [f"smaller than N = {base[0]}"] * math.isinf(estimate.low)
        ends += [f"larger than N = {base[-1]}"] * math.isinf(estimate.high)
        needed = f"runs of {BASELINE} {' and '.join(ends)}"
    else:
        statistic = _log_multiplier(study.cells, base, label, used)
        needed = more_data(narrowing(estimate, question.rule.cuts), study.sample, keys, statistic)
    return question.settled(study.task, estimate, needed, note, least)


def _mean(summary: Summary) -> Estimate:
    """The log of the mean with its interval; an end is infinite where it is open."""
    return Estimate(
        math.log(summary.value),
        -math.inf if summary.low_open else math.log(summary.low),
        math.inf if summary.high_open else math.log(summary.high),
    )


def _bounds(single: Sequence[Multiplier]) -> Estimate:
    """The log of the geometric mean of bounds; an end is infinite where the baseline's runs stop."""
    value, low, high = (
        sum(math.log(end) for end in ends) / len(single)
        for ends in zip(*((one.value, one.low, one.high) for one in single), strict=True)
    )
    return Estimate(
        value,
        -math.inf if any(one.low_open for one in single) else low,
        math.inf if any(one.high_open for one in single) else high,
    )


def _log_multiplier(points: Points, base: Sequence[int], label: str, sizes: Sequence[int]) -> Statistic:
    """The mean over `sizes` of log M(N) by the baseline's power law."""

    def statistic(errors: Mapping[Any, Floats]) -> Floats:
        law = power_law(points, base, errors)
        logs = [log_reached(law, base, errors[label, size]) - np.log(size) for size in sizes]
        return np.asarray(np.mean(logs, axis=0))

    return statistic


def power_law(points: Points, base: Sequence[int], errors: Mapping[Any, Floats]) -> tuple[Floats, Floats]:
    """Log amplitude and exponent, (B,) each, of the baseline's power law over the sizes `base`."""
    tested = [points[BASELINE, size].independent for size in base]
    return fit_draws(base, np.stack([errors[BASELINE, n] for n in base], axis=1), tested)


def log_reached(law: tuple[Floats, Floats], base: Sequence[int], errors: Floats) -> Floats:
    """The log of the N at which a power law has these errors, (B,), followed as far as `Summary` follows it.

    A law that does not fall reaches no lower error and every higher one: the end of the range.
    """
    (log_amplitude, exponent), first, last = law, np.log(base[0]), np.log(base[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        reached = (log_amplitude - np.log(errors)) / exponent
        never = np.log(errors) < log_amplitude - exponent * last
    reached = np.where(exponent > 0, reached, np.where(never, np.inf, -np.inf))
    return np.asarray(np.clip(reached, 2 * first - last, 2 * last - first))
