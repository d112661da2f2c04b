"""Plans that mix problems with negatives, by a joint law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.planner.mix import Mix, mix_for_budget, mix_for_target
from analysis.planner.options import Candidate, Refusal
from analysis.planner.plan import plan_for_target
from analysis.study.study import Study
from tests.support.made_rows import Point, point, results_of

SIZES = (100, 200, 400, 800)


def _mix(kappa: float, ratio: float, each: float, **changes) -> Mix:
    law = (0.0, 4.0, 0.5, kappa)
    fields = {"smallest": 100, "largest": 800, "most_added": 800 * ratio, "misfit": 1.0, "scatter": 0.0} | changes
    return Mix("step_dpo", "negatives", *law, np.array([law]), ratio, each, **fields)


def test_a_mix_reaches_its_target_at_the_closed_form():
    """(4 / e)^2 = (1 + kappa r) P: at e = 0.1, kappa = 0.5 and r = 6 that is P = 1600 / 4."""
    result = mix_for_target(_mix(0.5, 6.0, 7e9), 0.1)
    assert isinstance(result, Candidate)
    assert (result.option.problems, result.option.negatives, result.option.positives) == (400, 2400, None)
    assert result.option.flops == pytest.approx(400 * 7e9) and result.option.error == pytest.approx(0.1)
    bought = mix_for_budget(_mix(0.5, 6.0, 7e9), 400 * 7e9)
    assert isinstance(bought, Candidate) and bought.option.problems == 400
    assert bought.option.error == pytest.approx(0.1)


def test_a_mix_has_the_same_limits():
    far = mix_for_target(_mix(0.5, 6.0, 7e9), 0.02)
    assert isinstance(far, Refusal) and "past 4x its largest run" in far.reason
    asked = mix_for_target(_mix(0.5, 6.0, 7e9), 0.02, extrapolate=True)
    assert isinstance(asked, Candidate) and asked.option.extrapolated and asked.option.problems == 10_000
    # Negatives, too, are not taken past 4x the most there were: 400 problems would need 2,400 of them.
    short = mix_for_target(_mix(0.5, 6.0, 7e9, most_added=500.0), 0.1)
    assert isinstance(short, Refusal)
    poor = mix_for_budget(_mix(0.5, 6.0, 7e9), 1e9)
    assert isinstance(poor, Refusal) and "more than the budget" in poor.reason
    floor = mix_for_target(replace(_mix(0.5, 6.0, 7e9), floor=0.2), 0.1)
    assert isinstance(floor, Refusal) and "floor 0.2" in floor.reason


def _grid(kappa: float, of_problem: float, of_negative: float) -> list[Point]:
    points = [point("sft", n, 4 * n**-0.5, flops_training=1e9 * n, flops_sampling=0.0) for n in SIZES]
    for n in SIZES:
        for j in (1, 2, 4, 8):
            cost = of_problem * n + of_negative * n * j
            built = point("step_dpo", n, 4 * (n * (1 + kappa * j)) ** -0.5, figure="grid", negatives=j)
            points.append(built | {"negatives_used": n * j, "flops_training": cost / 2, "flops_sampling": cost / 2})
    return points


@pytest.mark.parametrize(
    ("of_problem", "of_negative", "ratio"),
    [
        (4e9, 1e9, 8),  # (1 + 0.5 r) / (4 + r) rises with r: the most negatives
        (1e9, 4e9, 1),  # (1 + 0.5 r) / (1 + 4 r) falls: the fewest
    ],
)
def test_the_mix_is_the_end_of_the_measured_range_that_buys_more(of_problem, of_negative, ratio):
    results = results_of(_grid(0.5, of_problem, of_negative), tested=20_000, shared=1.0)
    result = {one.method: one for one in plan_for_target(Study(results, n_draws=20), 0.1).options}
    (name,) = (name for name in result if name.startswith("step_dpo"))
    option = result[name]
    assert name == f"step_dpo, {ratio}.0 negatives per problem"
    assert option.problems == pytest.approx(1600 / (1 + 0.5 * ratio), rel=0.05)
    assert option.negatives == pytest.approx(ratio * option.problems, abs=1)
    assert option.flops == pytest.approx(option.problems * (of_problem + of_negative * ratio), rel=1e-3)
    assert "kappa = 0.5" in option.note or "kappa = 0.4" in option.note
