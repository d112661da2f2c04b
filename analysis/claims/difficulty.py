"""Per-step negatives help more on hard problems: the gain by initial pass rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.arrays import Floats
from analysis.claims.claim import POINTS, Claim, Question, Rule
from analysis.claims.statistics import by_size
from analysis.data.cells import Cell
from analysis.defaults import BASELINE
from analysis.stats.estimates import Sample
from analysis.study.study import Study

METHOD = "step_dpo"
THIRDS = ("hard", "easy")

QUESTION = Question(
    "per-step negatives gain more on hard problems",
    "gain_by_difficulty",
    POINTS,
    Rule(
        f"gain of {METHOD} over {BASELINE} on the third of problems with the lowest pass rate of pi_sft minus that on "
        "the third with the highest, mean over N; holds: above 0; contradicted: below",
        (0.0,),
        ("contradicted", "holds"),
    ),
    f'{BASELINE} and {METHOD} over N with evaluation.difficulty_rollouts=8 or more (rows with figure "size")',
)


def claims(study: Study) -> list[Claim]:
    """The claim on the hard and easy thirds of each (N, seed)'s test problems; thirds include ties at their edge."""
    points: dict[Any, Cell] = {}
    sizes = []
    for size in study.shared_sizes(BASELINE, METHOD):
        thirds = _thirds(study, size)
        if thirds is None:
            continue
        sizes.append(size)
        seeds = tuple(sorted(thirds))
        for third, name in enumerate(THIRDS):
            inside = np.stack([thirds[seed][third] for seed in seeds])
            points[name, size] = Cell(seeds, inside.astype(float))
            for label in (BASELINE, METHOD):
                cell = study.cells[label, size]
                wrong = cell.wrong[[cell.seeds.index(seed) for seed in seeds]]
                points[name, label, size] = Cell(seeds, wrong * inside, cell.responses)
    if not sizes:
        return [QUESTION.not_run(study.task)]

    def gain(errors: Mapping[Any, Floats], name: str, size: int) -> Floats:
        """Error of the baseline minus the method's on one third: shares of all problems over the third's share."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((errors[name, BASELINE, size] - errors[name, METHOD, size]) / errors[name, size])

    def statistic(errors: Mapping[Any, Floats]) -> Floats:
        return np.asarray(np.mean([gain(errors, "hard", n) - gain(errors, "easy", n) for n in sizes], axis=0))

    fractions = {key: np.array([cell.error]) for key, cell in points.items()}
    texts = [" / ".join(f"{100 * gain(fractions, name, n)[0]:.1f}" for name in THIRDS) for n in sizes]
    note = f"gain in points, hard / easy third; {by_size(sizes, texts)}"
    return [QUESTION.answer(study.task, Sample(points, study.n_draws), points, statistic, note)]


def _thirds(study: Study, size: int) -> dict[int, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]] | None:
    """seed -> (hard (P,), easy (P,)) for the seeds that ran both labels and measured pass rates; None without any.

    A seed is left out where the two thirds overlap (more than a third of the rates tie across the middle).
    """
    rows = study.results.rows
    rows = rows[(rows["figure"] == "size") & rows["label"].isin([BASELINE, METHOD]) & (rows["problems"] == size)]
    shared = set(study.cells[BASELINE, size].seeds) & set(study.cells[METHOD, size].seeds)
    thirds = {}
    # Prefer the method's measurement: both labels share pi_sft, and the baseline may not have measured it.
    for _, row in rows.sort_values("label", key=lambda label: label != METHOD).iterrows():
        rates = study.results.pass_rate.get(row["run"])
        if rates is None or row["seed"] not in shared or row["seed"] in thirds:
            continue
        low, high = np.quantile(rates, [1 / 3, 2 / 3])
        if low < high:
            thirds[int(row["seed"])] = (rates <= low, rates >= high)
    return thirds or None
