"""Star graph: SFT and RFT only guess the first hop, per-step DPO does better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.claims.claim import POINTS, Claim, Question, Rule
from analysis.data.cells import cells
from analysis.data.scans import settings
from analysis.stats.estimates import Sample
from analysis.study.studies import STAR_GRAPH
from analysis.study.study import Study

MARGIN = 0.05  # accuracy this much above 1/degree is still a guess
SWEEP = 'task=star_graph with sft, rft and step_dpo (rows with figure "size")'
FILE = "sweeps/star_graph.yaml"

STAYS = Question(
    "{} stays at a guess of the first hop, 1/degree",
    "star_graph",
    POINTS,
    Rule(
        f"accuracy minus 1/degree at the largest N, mean over degrees; holds: below {100 * MARGIN:.0f} points; "
        "contradicted: above",
        (MARGIN,),
        ("holds", "contradicted"),
    ),
    SWEEP,
    FILE,
)
PASSES = Question(
    "{} gets past a guess of the first hop, 1/degree",
    "star_graph",
    POINTS,
    Rule(
        "accuracy minus 1/degree at the largest N, mean over degrees; holds: above 0; contradicted: below",
        (0.0,),
        ("contradicted", "holds"),
    ),
    SWEEP,
    FILE,
)


def claims(study: Study) -> list[Claim]:
    """The claims for sft, for rft, and for every label of step_dpo, which differ in the training of pi_sft."""
    rows = study.results.rows
    star = rows[(rows["task"] == STAR_GRAPH) & (rows["figure"] == "size")]
    step = sorted(set(star.loc[star["method"] == "step_dpo", "label"])) or ["step_dpo"]
    return [_answer(study, STAYS, "sft"), _answer(study, STAYS, "rft")] + [
        _answer(study, PASSES, label) for label in step
    ]


def not_run() -> list[Claim]:
    """The same claims where there are no rows of the task."""
    return [
        replace(question, claim=question.claim.format(label)).not_run(STAR_GRAPH)
        for question, label in ((STAYS, "sft"), (STAYS, "rft"), (PASSES, "step_dpo"))
    ]


def _answer(study: Study, question: Question, label: str) -> Claim:
    question = replace(question, claim=question.claim.format(label))
    rows = study.results.rows
    rows = rows[(rows["figure"] == "size") & (rows["label"] == label)]
    rows = rows.assign(degree=settings(rows, "config.task.degree")).dropna(subset="degree")
    if rows.empty:
        return question.not_run(study.task)
    by_point = cells(study.results, rows, ["degree", "problems"])
    largest = {degree: max(size for d, size in by_point if d == degree) for degree, _ in by_point}
    points = {key: by_point[key] for key in largest.items()}

    def past(errors: Mapping[Any, Floats]) -> Floats:
        return np.asarray(np.mean([1 - errors[key] - 1 / key[0] for key in points], axis=0))

    note = "; ".join(
        f"degree {degree:g}, N = {size}: accuracy {100 * (1 - cell.error):.1f} %, chance {100 / degree:.1f} %"
        for (degree, size), cell in points.items()
    )
    return question.answer(study.task, Sample(points, study.n_draws), points, past, note)
