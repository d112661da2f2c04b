"""Claims about one method against another at the same N: random pairs, per-step against positives, two objectives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.claims.claim import CHANGE, PLAIN, Claim, Question, Rule
from analysis.claims.statistics import by_size, log_ratio
from analysis.data.cells import SizeKey
from analysis.defaults import BASELINE, LEVEL
from analysis.stats.bootstrap import percentile_interval
from analysis.study.study import Study

NO_GAIN = 0.1  # a gain of less than this share of the error counts as none
SAME = 0.25  # of step_dpo's gain over the baseline

RANDOM_PAIRS = Question(
    f"randomly paired negatives (dpo) are no gain over {BASELINE}",
    "error_against_n",
    CHANGE,
    Rule(
        f"error over {BASELINE}'s, geometric mean over N; holds: above -{100 * NO_GAIN:.0f} %; "
        "contradicted: below, or any N below 0 (all N at 95 % together)",
        (math.log(1 - NO_GAIN),),
        ("contradicted", "holds"),
    ),
    f'{BASELINE} and dpo over N (rows with figure "size")',
)
BEYOND_POSITIVES = Question(
    "per-step negatives beat self-generated positives alone (rft)",
    "error_against_n",
    CHANGE,
    Rule(
        "error of step_dpo over rft's, geometric mean over N; holds: below 0; contradicted: above",
        (0.0,),
        ("holds", "contradicted"),
    ),
    'rft and step_dpo over N (rows with figure "size")',
)
SAME_OPTIMUM = Question(
    "per-step DPO does what advantage-weighted training does",
    "error_against_n",
    PLAIN,
    Rule(
        f"error of advantage_weighted minus step_dpo's, over step_dpo's gain over {BASELINE}, all summed over N; "
        f"holds: within {SAME} of 0; contradicted: beyond",
        (-SAME, SAME),
        ("contradicted", "holds", "contradicted"),
    ),
    f'{BASELINE}, step_dpo and advantage_weighted over N (rows with figure "size")',
)


def random_pairs(study: Study) -> list[Claim]:
    """The claim on dpo against the baseline: the mean over N, and each N at Bonferroni's level."""
    claim = _against(study, RANDOM_PAIRS, "dpo", BASELINE)
    sizes = study.shared_sizes("dpo", BASELINE)
    below = []
    for size in sizes:
        ours, base = ("dpo", size), (BASELINE, size)
        drawn = study.draws.resampled
        high = percentile_interval(drawn[ours] - drawn[base], 1 - (1 - LEVEL) / len(sizes))[1]
        if high < 0 and study.sample.fewest_seeds((ours, base)) > 1:
            below.append(size)
    if below:
        note = f"below {BASELINE} at N = {', '.join(map(str, below))}; {claim.note}"
        claim = replace(claim, verdict="contradicted", needed="", note=note)
    return [claim]


def beyond_positives(study: Study) -> list[Claim]:
    """The claim on step_dpo against rft."""
    return [_against(study, BEYOND_POSITIVES, "step_dpo", "rft")]


def same_optimum(study: Study) -> list[Claim]:
    """The claim on advantage_weighted against step_dpo, in units of the gain of step_dpo."""
    labels = (BASELINE, "step_dpo", "advantage_weighted")
    sizes = study.shared_sizes(*labels)
    if not sizes:
        return [SAME_OPTIMUM.not_run(study.task)]

    def statistic(errors: Mapping[Any, Floats]) -> Floats:
        base, step, weighted = (sum((errors[label, n] for n in sizes), np.zeros(1)) for label in labels)
        # Without a gain the ratio is undefined.
        return np.asarray(np.where(base > step, (weighted - step) / np.where(base > step, base - step, 1), np.nan))

    note = _apart(study, "advantage_weighted", "step_dpo", sizes)
    return [SAME_OPTIMUM.answer(study.task, study.sample, _keys(sizes, *labels), statistic, note)]


def _against(study: Study, question: Question, label: str, other: str) -> Claim:
    sizes = study.shared_sizes(label, other)
    if not sizes:
        return question.not_run(study.task)
    statistic = log_ratio(study.cells, [((label, size), (other, size)) for size in sizes])
    note = _apart(study, label, other, sizes)
    return question.answer(study.task, study.sample, _keys(sizes, label, other), statistic, note)


def _keys(sizes: Sequence[int], *labels: str) -> list[SizeKey]:
    return [(label, size) for label in labels for size in sizes]


def _apart(study: Study, label: str, other: str, sizes: Sequence[int]) -> str:
    return (
        by_size(sizes, [f"{100 * (study.cells[label, n].error - study.cells[other, n].error):+.1f}" for n in sizes])
        + " points"
    )
