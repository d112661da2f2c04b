"""Kappa of each method: how many more teacher problems one negative is worth, against a control without negatives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.claims.claim import PLAIN, Claim, Question, Rule
from analysis.claims.multiples import log_reached, power_law
from analysis.claims.statistics import by_size
from analysis.defaults import BASELINE
from analysis.stats.bootstrap import percentile_interval
from analysis.stats.estimates import Estimate, Points, more_data, narrowing
from analysis.stats.variance import Statistic
from analysis.study.study import Study

# Label -> its control, which is given the same correct responses or steps, and no incorrect ones.
CONTROLS = {
    "dpo": "rft",
    "dpo_edit_distance": "rft",
    "full_step_dpo": "rft",
    "step_dpo": "step_sft",
    "step_dpo, no NLL": "step_sft",
    "advantage_weighted": "rft",
    "step_reinforce": "rft",
    "reinforce": "reinforce, positives only",
    "reinforce, negative = 0.1": "reinforce, positives only",
    "topr": "topr, positives only",
    "nft": "rft",
    "kto": "rft",
    "unlikelihood": BASELINE,
    "rejected_only": BASELINE,
    "reinforce, negatives only": BASELINE,
    "topr, negatives only": BASELINE,
}
# Losses on whole incorrect responses, which may leave out their end token (method.rejected_end).
WHOLE = ("dpo", "dpo_edit_distance", "full_step_dpo", "reinforce", "topr", "nft", "kto")
CONTROLS |= {f"{label}, no end": CONTROLS[label] for label in WHOLE}
SWEEP = "sweeps/prices.yaml"


def _question(label: str) -> Question:
    control = CONTROLS[label]
    return Question(
        f"negatives of {label} are worth problems of their own (kappa)",
        "price_list",
        PLAIN,
        Rule(
            f"problems on which {BASELINE} has the error of {label}, minus those for {control}, over the negatives "
            "used, all summed over N; holds: above 0; contradicted: below",
            (0.0,),
            ("contradicted", "holds"),
        ),
        f'{BASELINE}, {label} and {control} over N (rows with figure "size")',
        SWEEP,
    )


@dataclass(frozen=True)
class _Reached:
    """The number of problems on which the baseline has the error of one cell, in its measured range.

    Attributes:
        problems: of the measured error.
        draws: (B,) of each bootstrap draw.
        below, above: the cell's 95 % interval touches that end of the range.
    """

    problems: float
    draws: Floats
    below: bool = False
    above: bool = False


def claims(study: Study) -> list[Claim]:
    """A claim for each label that was run at an N together with its control and used negatives there.

    Problems are read from the baseline's law within its measured range; an end of the interval is open where a label
    or its control leaves that range. An N at which both leave it at the same end says nothing and is passed over.
    """
    used = _negatives_used(study)
    answers: list[Claim] = []
    for label in CONTROLS:
        shared = [n for n in study.shared_sizes(label) if (CONTROLS[label], n) in study.cells]
        sizes = [n for n in shared if used.get((label, n), 0) > 0]
        if sizes and study.no_multipliers:
            unread = replace(_question(label).not_run(study.task), verdict="inconclusive", needed="")
            answers.append(replace(unread, note=study.no_multipliers))
        elif sizes:
            answers.append(_answer(study, label, {n: used[label, n] for n in sizes}))
    return answers


def _answer(study: Study, label: str, used: Mapping[int, float]) -> Claim:
    """The claim of a label from the negatives that it used at each N."""
    question, control = _question(label), CONTROLS[label]
    pairs = {n: (_reached(study, label, n), _reached(study, control, n)) for n in used}
    known = {n: pair for n, pair in pairs.items() if not _both_out(*pair)}
    pairs, sizes = known or pairs, list(known or pairs)
    used = {n: used[n] for n in sizes}
    total = sum(used.values())
    low, high = percentile_interval(np.sum([ours.draws - theirs.draws for ours, theirs in pairs.values()], axis=0))
    interval = Estimate(
        sum(ours.problems - theirs.problems for ours, theirs in pairs.values()) / total,
        -math.inf if any(ours.below or theirs.above for ours, theirs in pairs.values()) else low / total,
        math.inf if any(ours.above or theirs.below for ours, theirs in pairs.values()) else high / total,
    )
    each = [f"{(ours.problems - theirs.problems) / used[n]:+.2f}" for n, (ours, theirs) in pairs.items()]
    labels = [name for name in (label, control) if name != BASELINE]
    base = study.shared_sizes(BASELINE)
    keys = [*((BASELINE, n) for n in base), *((name, n) for name in labels for n in sizes)]
    if math.isinf(interval.low) or math.isinf(interval.high):
        needed = f"runs of {BASELINE} at more N, larger or smaller"
    else:
        statistic = _kappa(study.cells, base, label, used)
        needed = more_data(narrowing(interval, question.rule.cuts), study.sample, keys, statistic)
    least = study.sample.fewest_seeds(keys) > 1
    return question.settled(study.task, interval, needed, by_size(sizes, each), least)


def _reached(study: Study, label: str, size: int) -> _Reached:
    if label == BASELINE:
        return _Reached(size, np.full(study.n_draws, float(size)))
    law = study.curves[BASELINE].baseline_law
    draws = np.clip(np.exp(law.log_reached(study.draws.resampled[label, size])), law.smallest, law.largest)
    low, high = percentile_interval(draws)
    problems = float(np.clip(law.law.invert(study.cells[label, size].error), law.smallest, law.largest))
    return _Reached(problems, np.asarray(draws), low <= law.smallest, high >= law.largest)


def _both_out(ours: _Reached, theirs: _Reached) -> bool:
    return (ours.above and theirs.above) or (ours.below and theirs.below)


def _kappa(points: Points, base: Sequence[int], label: str, used: Mapping[int, float]) -> Statistic:
    """Kappa by the baseline's power law; problems are followed as far as in `multiples.log_reached`."""
    control = CONTROLS[label]

    def statistic(errors: Mapping[Any, Floats]) -> Floats:
        law = power_law(points, base, errors)

        def problems(name: str, size: int) -> Floats:
            return (
                np.full_like(law[0], size) if name == BASELINE else np.exp(log_reached(law, base, errors[name, size]))
            )

        gained = [problems(label, n) - problems(control, n) for n in used]
        return np.asarray(np.sum(gained, axis=0) / sum(used.values()))

    return statistic


def _negatives_used(study: Study) -> dict[tuple[str, int], float]:
    """The mean number of negatives that a run of a cell was trained on, by (label, N); empty if rows do not tell."""
    rows = study.results.rows
    if "negatives_used" not in rows:
        return {}
    rows = rows[rows["figure"] == "size"]
    means = rows.groupby(["label", "problems"], as_index=False)["negatives_used"].mean()
    return dict(zip(zip(means["label"], means["problems"], strict=True), means["negatives_used"], strict=True))
