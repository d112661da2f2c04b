"""Too many self-generated positives per problem: error flattens, then increases."""

from __future__ import annotations

import numpy as np

from analysis.claims.claim import ABLATIONS, CHANGE, Claim, Question, Rule
from analysis.claims.statistics import log_ratio
from analysis.data.scans import scan
from analysis.defaults import LEVEL
from analysis.stats.estimates import Sample
from analysis.study.study import Study

QUESTION = Question(
    "too many self-generated positives per problem increase test error",
    "error_against_positives",
    CHANGE,
    Rule(
        "error at the most positives k over error at the best smaller k, all N and k at 95 % jointly; "
        "holds: above at any N; contradicted: below at every N",
        (0.0,),
        ("contradicted", "holds"),
    ),
    'rft over data.positives at fixed N (rows with figure "positives")',
    ABLATIONS,
)


def claims(study: Study) -> list[Claim]:
    """The claim on the largest k against the best smaller k, at each N.

    The best k is selected on the same rows, so every smaller k at every N counts as a comparison (Bonferroni). SFT
    (k = 0) trains differently and is not a candidate.
    """
    scanned = scan(study.results, "positives", "rft", "positives")
    points = {key: cell for key, cell in scanned.items() if key[1] > 0}
    scans = {size: sorted(k for n, k in points if n == size) for size in sorted({size for size, _ in points})}
    scans = {size: ks for size, ks in scans.items() if len(ks) > 1}
    if not scans:
        return [QUESTION.not_run(study.task)]
    level = 1 - (1 - LEVEL) / sum(len(ks) - 1 for ks in scans.values())
    sample, answers = Sample(points, study.n_draws), []
    for size, (*fewer, most) in scans.items():
        best = min(fewer, key=lambda k, size=size: points[size, k].error)  # type: ignore[misc]
        pair = ((size, most), (size, best))
        shown = ", ".join(f"k = {k:g}: {100 * points[size, k].error:.1f} %" for k in scans[size])
        note = f"N = {size}; {shown}"
        answers.append(QUESTION.answer(study.task, sample, pair, log_ratio(points, [pair]), note, level))
    return [_joined(answers)]


def _joined(answers: list[Claim]) -> Claim:
    """The claim over all N: it holds if it does at any N, and is contradicted only at all; shown is the worst N."""
    worst = max(answers, key=lambda claim: claim.estimate if claim.estimate is not None else -np.inf)
    for claim in answers:
        if claim.verdict == "holds":
            return claim
    open_ones = [claim for claim in answers if claim.verdict == "inconclusive"]
    return open_ones[0] if open_ones else worst
