"""Bad step values remove the gain: an over-trained rollout policy, or too few Monte Carlo rollouts per prefix."""

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
RETAINED = 0.5  # of the gain


@dataclass(frozen=True)
class Spoiling:
    """A scan over one setting, at one end of which the step values are bad."""

    figure: str
    setting: str
    spoilt: Callable[[list[float]], float]  # chooses the bad end among the values
    question: Question


def _question(claim: str, where: str, sweep: str) -> Question:
    text = (
        f"gain of {METHOD} over {BASELINE} {where}, over the gain with the setting of the study; "
        f"holds: below {RETAINED}; contradicted: above"
    )
    return Question(claim, "ablations", PLAIN, Rule(text, (RETAINED,), ("holds", "contradicted")), sweep, ABLATIONS)


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
    """The claim about the rollout policy that was trained for the most epochs."""
    return [_answer(study, OVER_TRAINED)]


def too_few_rollouts(study: Study) -> list[Claim]:
    """The claim about the fewest Monte Carlo rollouts per prefix."""
    return [_answer(study, TOO_FEW)]


def _answer(study: Study, spoiling: Spoiling) -> Claim:
    """The share of the gain that is retained, summed over the scan's N that the baseline was run at too."""
    question, task = spoiling.question, study.task
    scanned = scan(study.results, spoiling.figure, METHOD, spoiling.setting)
    usual = _usual(study, spoiling.setting)
    points: dict[Any, Cell] = {}
    sizes, notes = [], []
    for size in sorted({size for size, _ in scanned}):
        values = sorted(value for n, value in scanned if n == size)
        bad = spoiling.spoilt(values)
        # Without rows at the study's setting, the other end of the scan takes their place.
        good = usual if usual in values else values[0] if bad == values[-1] else values[-1]
        if (BASELINE, size) not in study.cells or bad == good:
            continue
        sizes.append(size)
        points |= {("base", size): study.cells[BASELINE, size]}
        points |= {("good", size): scanned[size, good], ("bad", size): scanned[size, bad]}
        shown = ", ".join(f"{value:g}: {100 * scanned[size, value].error:.1f} %" for value in values)
        notes.append(
            f"N = {size}, {bad:g} against {good:g}; {shown}; {BASELINE} {100 * points['base', size].error:.1f} %"
        )
    if not sizes:
        return question.not_run(task)

    def gain(errors: Mapping[Any, Floats], name: str) -> Floats:
        return np.sum([errors["base", n] - errors[name, n] for n in sizes], axis=0)

    def retained(errors: Mapping[Any, Floats]) -> Floats:
        whole = gain(errors, "good")  # a draw without a gain cannot lose it
        return np.asarray(np.where(whole > 0, gain(errors, "bad") / np.where(whole > 0, whole, 1), np.nan))

    sample = Sample(points, study.n_draws)
    claim = question.answer(task, sample, points, retained, "; ".join(notes))
    if estimate(lambda errors: gain(errors, "good"), sample.drawn).low <= 0:
        return replace(
            claim, verdict="inconclusive", needed="a gain to lose: the gain at the usual setting is inconclusive"
        )
    return claim


def _usual(study: Study, setting: str) -> float | None:
    """The setting of the method's "size" rows; None unless all have the same."""
    rows = study.results.rows
    values = set(settings(rows[(rows["figure"] == "size") & (rows["label"] == METHOD)], setting))
    return values.pop() if len(values) == 1 else None
