"""The value of the incorrect step itself: its share of the per-step gain, and its exchange rate against a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.claims.claim import ABLATIONS, PLAIN, Claim, Question, Rule
from analysis.claims.statistics import by_size
from analysis.data.scans import Grid
from analysis.defaults import BASELINE
from analysis.fits.joint import fit_joint_draws
from analysis.stats.estimates import Sample
from analysis.study.differences import gain_share
from analysis.study.study import Study

METHOD, CONTROL = "step_dpo", "step_sft"
LEAST_SHARE = 0.1
LEAST_KAPPA = 0.05
KAPPA = ("floor", "amplitude", "exponent", "kappa").index("kappa")  # the order of fit_joint_draws

NEGATIVES_SHARE = Question(
    f"negatives add to the gain of {METHOD} beyond its positives",
    "error_against_n",
    PLAIN,
    Rule(
        f"error of {CONTROL} minus {METHOD}'s, over {METHOD}'s gain over {BASELINE}, all summed over N; "
        f"holds: above {LEAST_SHARE}; contradicted: below",
        (LEAST_SHARE,),
        ("contradicted", "holds"),
    ),
    f'{BASELINE}, {METHOD} and {CONTROL} over N (rows with figure "size")',
)
GRID = f'{METHOD} and {CONTROL} over data.problems and data.negatives (rows with figure "grid")'


def _rate(label: str, words: str) -> Question:
    return Question(
        words,
        "positives_and_negatives",
        PLAIN,
        Rule(
            f"kappa of {label}'s law E + A (P + kappa M)^-alpha for P problems and M negatives; "
            f"holds: above {LEAST_KAPPA}; contradicted: below",
            (LEAST_KAPPA,),
            ("contradicted", "holds"),
        ),
        GRID,
        ABLATIONS,
    )


RATE = _rate(METHOD, f"a negative of {METHOD} replaces a share of a problem (kappa)")
CONTROL_RATE = _rate(CONTROL, f"its correct continuation alone ({CONTROL}) replaces a share of a problem (kappa)")
STEP_RATE = Question(
    "the incorrect step itself adds to that exchange rate",
    "positives_and_negatives",
    PLAIN,
    Rule(
        f"kappa of {METHOD} minus kappa of {CONTROL}; holds: above 0; contradicted: below",
        (0.0,),
        ("contradicted", "holds"),
    ),
    GRID,
    ABLATIONS,
)


def negatives_share(study: Study) -> list[Claim]:
    """The claim on the share of the gain that is due to the negatives, pooled over N as in `differences.gain_share`."""
    labels = (BASELINE, METHOD, CONTROL)
    sizes = study.shared_sizes(*labels)
    if not sizes:
        return [NEGATIVES_SHARE.not_run(study.task)]

    def statistic(errors: Mapping[Any, Floats]) -> Floats:
        base, method, control = (sum((errors[label, n] for n in sizes), np.zeros(1)) for label in labels)
        known = base > method  # without a gain its shares are undefined
        return np.asarray(np.where(known, (control - method) / np.where(known, base - method, 1), np.nan))

    pooled = gain_share(study.cells, study.draws, BASELINE, METHOD, CONTROL)[-1]
    points = [f"{100 * (study.cells[CONTROL, n].error - study.cells[METHOD, n].error):+.1f}" for n in sizes]
    note = f"{CONTROL} minus {METHOD}: {by_size(sizes, points)} points"
    keys = [(label, size) for label in labels for size in sizes]
    if pooled.share is None:
        needed = f"a gain to divide: that of {METHOD} over {BASELINE} is inconclusive"
        return [replace(NEGATIVES_SHARE.not_run(study.task), verdict="inconclusive", needed=needed, note=note)]
    return [NEGATIVES_SHARE.answer(study.task, study.sample, keys, statistic, note)]


def exchange_rates(study: Study) -> list[Claim]:
    """The claims on kappa of the method, of its control, and on their paired difference."""
    grids = {label: study.grids[label].grid for label in (METHOD, CONTROL) if label in study.grids}
    points = {key: cell for one in grids.values() for key, cell in one.points.items()}
    sample = Sample(points, study.n_draws)
    answers = []
    for label, question in ((METHOD, RATE), (CONTROL, CONTROL_RATE)):
        if label not in grids:
            answers.append(question.not_run(study.task))
            continue
        one = grids[label]
        note = f"{len(one.points)} points, P = {_span(one.problems)}, M = {_span(one.added)}"
        answers.append(question.answer(study.task, sample, one.points, partial(_kappa, one), note))
    if len(grids) < 2:
        return [*answers, STEP_RATE.not_run(study.task)]

    def apart(errors: Mapping[Any, Floats]) -> Floats:
        return _kappa(grids[METHOD], errors) - _kappa(grids[CONTROL], errors)

    return [*answers, STEP_RATE.answer(study.task, sample, points, apart)]


def _kappa(points: Grid, errors: Mapping[Any, Floats]) -> Floats:
    stacked = np.stack([errors[key] for key in points.points], axis=1)
    tested = [cell.independent for cell in points.points.values()]
    return fit_joint_draws("effective", points.problems, points.added, stacked, tested)[:, KAPPA]


def _span(values: Floats) -> str:
    return f"{values.min():.0f} to {values.max():.0f}"
