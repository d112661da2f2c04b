"""Test error falls as a power of N on positive data: it falls, the study resolves the fall, and it is one power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.claims.claim import PLAIN, POINTS, Claim, Question, Rule, Scale
from analysis.data.cells import Cell, SizeKey
from analysis.defaults import BASELINE
from analysis.fits.power import fit_draws
from analysis.stats.variance import Statistic
from analysis.study.study import Study

MOST_BEND = 0.25  # of the exponent
SWEEP = f'{BASELINE} over four sizes N or more (rows with figure "size")'
FIGURE = "error_against_n"

FALLS = Question(
    f"test error of {BASELINE} falls with N",
    FIGURE,
    Scale("exponent", float),
    Rule("holds: exponent's interval above 0; contradicted: below 0", (0.0,), ("contradicted", "holds")),
    SWEEP,
)
SEEN = Question(
    "sizes two apart are distinguishable",
    FIGURE,
    POINTS,
    Rule(
        "error at N minus error two sizes below, at the least clear N; holds: below 0; contradicted: above 0",
        (0.0,),
        ("holds", "contradicted"),
    ),
    SWEEP,
)
STRAIGHT = Question(
    "it falls as one power of N",
    FIGURE,
    PLAIN,
    Rule(
        "exponent of the upper half of sizes minus that of the lower, over the whole's; "
        f"holds: within {MOST_BEND} of 0; contradicted: beyond",
        (-MOST_BEND, MOST_BEND),
        ("contradicted", "holds", "contradicted"),
    ),
    SWEEP,
)


def claims(study: Study) -> list[Claim]:
    """The three claims about the baseline's curve; the second requires three sizes, the third four."""
    return [_falls(study), _seen(study), _straight(study)]


def _falls(study: Study) -> Claim:
    sizes = study.shared_sizes(BASELINE)
    if len(sizes) < 2:
        return FALLS.not_run(study.task)
    note = f"N = {sizes[0]} to {sizes[-1]}"
    keys, statistic = [(BASELINE, size) for size in sizes], _exponent(study.cells, sizes)
    return FALLS.answer(study.task, study.sample, keys, statistic, note)


def _seen(study: Study) -> Claim:
    sizes = study.shared_sizes(BASELINE)
    if len(sizes) < 3:
        return SEEN.not_run(study.task)
    steps = study.size_steps
    worst = max(steps, key=lambda step: step.high)
    large, small = (BASELINE, worst.size), (BASELINE, worst.other_size)
    seen = sum(step.verdict == "below" for step in steps)
    note = f"{seen} of {len(steps)} steps; shown: {worst.other_size} to {worst.size}"
    return SEEN.answer(study.task, study.sample, (large, small), lambda errors: errors[large] - errors[small], note)


def _straight(study: Study) -> Claim:
    """The claim on one exponent: halves share the middle size, or the middle two so that both have the same length."""
    sizes = study.shared_sizes(BASELINE)
    if len(sizes) < 4:
        return STRAIGHT.not_run(study.task)
    half = len(sizes) // 2 + 1
    whole, lower, upper = (_exponent(study.cells, part) for part in (sizes, sizes[:half], sizes[-half:]))
    note = f"halves: N = {sizes[0]} to {sizes[half - 1]}, {sizes[-half]} to {sizes[-1]}"

    def bend(errors: Mapping[Any, Floats]) -> Floats:
        # Relative to the exponent of all sizes; where that is about 0 the ratio is meaningless.
        with np.errstate(divide="ignore", invalid="ignore"):
            return (upper(errors) - lower(errors)) / whole(errors)

    return STRAIGHT.answer(study.task, study.sample, [(BASELINE, size) for size in sizes], bend, note)


def _exponent(points: Mapping[SizeKey, Cell], sizes: Sequence[int]) -> Statistic:
    tested = [points[BASELINE, size].independent for size in sizes]

    def exponent(errors: Mapping[Any, Floats]) -> Floats:
        return fit_draws(sizes, np.stack([errors[BASELINE, size] for size in sizes], axis=1), tested)[1]

    return exponent
