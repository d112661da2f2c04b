"""Too many self-generated positives a problem: error flattens, then worsens."""

from __future__ import annotations

import numpy as np

from analysis.claims.claim import ABLATIONS, CHANGE, Claim, Question, Rule
from analysis.claims.statistics import log_ratio
from analysis.data.scans import scan
from analysis.defaults import LEVEL
from analysis.stats.estimates import Sample
from analysis.study.study import Study

QUESTION = Question(
    "too many self-generated positives a problem worsen test error",
    "error_against_positives",
    CHANGE,
    Rule(
        "error at the most positives k over error at the best smaller k, all N and k at 95 % together; "
        "holds: above at any N; contradicted: below at every N",
        (0.0,),
        ("contradicted", "holds"),
    ),
    'rft over data.positives at fixed N (rows with figure "positives")',
    ABLATIONS,
)


def claims(study: Study) -> list[Claim]:
    """At each N the most positives against the smaller k that did best.

    Which k did best is read off the same rows, so every smaller k at every N counts as a comparison: the level is
    Bonferroni's. SFT (k = 0) is another recipe and no candidate.
    """
    found_cells = scan(study.results, "positives", "rft", "positives")
    points = {key: cell for key, cell in found_cells.items() if key[1] > 0}
    scans = {size: sorted(k for n, k in points if n == size) for size in sorted({size for size, _ in points})}
    scans = {size: ks for size, ks in scans.items() if len(ks) > 1}
    if not scans:
        return [QUESTION.not_run(study.task)]
    level = 1 - (1 - LEVEL) / sum(len(ks) - 1 for ks in scans.values())
    sample, found = Sample(points, study.n_draws), []
    for size, (*fewer, most) in scans.items():
        best = min(fewer, key=lambda k, size=size: points[size, k].error)  # type: ignore[misc]
        pair = ((size, most), (size, best))
        shown = ", ".join(f"k = {k:g}: {100 * points[size, k].error:.1f} %" for k in scans[size])
        note = f"N = {size}; {shown}"
        found.append(QUESTION.answer(study.task, sample, pair, log_ratio(points, [pair]), note, level))
    return [_joined(found)]


def _joined(found: list[Claim]) -> Claim:
    """Any N that holds makes it hold; only all of them contradict it. Shown is the N where it is worst."""
    worst = max(found, key=lambda claim: claim.estimate if claim.estimate is not None else -np.inf)
    for claim in found:
        if claim.verdict == "holds":
            return claim
    open_ones = [claim for claim in found if claim.verdict == "not resolved"]
    return open_ones[0] if open_ones else worst
