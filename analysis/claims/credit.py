"""Where step values are bad the gain goes away: an over-trained roll-out policy, too few rollouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.arrays import Floats
from analysis.claims.claim import ABLATIONS, PLAIN, Claim, Question, Rule
from analysis.data.cells import Cell
from analysis.data.scans import scan, settings
from analysis.defaults import BASELINE
from analysis.stats.estimates import Sample, estimate
from analysis.study.study import Study

METHOD = "step_dpo"
KEPT = 0.5


@dataclass(frozen=True)
class Spoiling:
    """A scan over one setting, whose end on one side spoils the step values."""

    figure: str
    setting: str
    spoilt: Callable[[list[float]], float]  # which of the values is the bad end
    question: Question


def _question(claim: str, where: str, sweep: str) -> Question:
    text = (
        f"gain of {METHOD} over {BASELINE} {where}, over the gain with the setting of the study; "
        f"holds: below {KEPT}; contradicted: above"
    )
    return Question(claim, "ablations", PLAIN, Rule(text, (KEPT,), ("holds", "contradicted")), sweep, ABLATIONS)


OVER_TRAINED = Spoiling(
    "rollout_policy",
    "config.rollout_policy.epochs",
    max,
    _question(
        "advantages from an over-trained pi_sft lose the gain",
        "at the most epochs of pi_sft",
        f'{METHOD} over rollout_policy.epochs at fixed N (rows with figure "rollout_policy")',
    ),
)
TOO_FEW = Spoiling(
    "rollouts",
    "config.credit.rollouts",
    min,
    _question(
        "advantages from too few rollouts lose the gain",
        "at the fewest rollouts K",
        f'{METHOD} over credit.rollouts at fixed N (rows with figure "rollouts")',
    ),
)


def over_trained(study: Study) -> list[Claim]:
    """The roll-out policy trained for the most epochs."""
    return [_answer(study, OVER_TRAINED)]


def too_few_rollouts(study: Study) -> list[Claim]:
    """The fewest completions a prefix."""
    return [_answer(study, TOO_FEW)]


def _answer(study: Study, spoiling: Spoiling) -> Claim:
    """The share of the gain that is kept, summed over the scan's N that the baseline was run at too."""
    question, task = spoiling.question, study.task
    found = scan(study.results, spoiling.figure, METHOD, spoiling.setting)
    usual = _usual(study, spoiling.setting)
    points: dict[Any, Cell] = {}
    sizes, notes = [], []
    for size in sorted({size for size, _ in found}):
        values = sorted(value for n, value in found if n == size)
        bad = spoiling.spoilt(values)
        # Without the study's own setting the other end of the scan stands for it.
        good = usual if usual in values else values[0] if bad == values[-1] else values[-1]
        if (BASELINE, size) not in study.cells or bad == good:
            continue
        sizes.append(size)
        points |= {("base", size): study.cells[BASELINE, size]}
        points |= {("good", size): found[size, good], ("bad", size): found[size, bad]}
        shown = ", ".join(f"{value:g}: {100 * found[size, value].error:.1f} %" for value in values)
        notes.append(
            f"N = {size}, {bad:g} against {good:g}; {shown}; {BASELINE} {100 * points['base', size].error:.1f} %"
        )
    if not sizes:
        return question.not_run(task)

    def gain(errors: Mapping[Any, Floats], name: str) -> Floats:
        return np.sum([errors["base", n] - errors[name, n] for n in sizes], axis=0)

    def kept(errors: Mapping[Any, Floats]) -> Floats:
        whole = gain(errors, "good")  # a draw without a gain cannot lose it
        return np.asarray(np.where(whole > 0, gain(errors, "bad") / np.where(whole > 0, whole, 1), np.nan))

    sample = Sample(points, study.n_draws)
    claim = question.answer(task, sample, points, kept, "; ".join(notes))
    if estimate(lambda errors: gain(errors, "good"), sample.drawn).low <= 0:
        return replace(claim, verdict="not resolved", needed="a gain to lose: the usual setting has no resolved one")
    return claim


def _usual(study: Study, setting: str) -> float | None:
    """The setting of the method's own "size" rows, if it is one."""
    rows = study.results.rows
    values = set(settings(rows[(rows["figure"] == "size") & (rows["label"] == METHOD)], setting))
    return values.pop() if len(values) == 1 else None
