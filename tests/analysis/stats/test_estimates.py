from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from analysis.claims.claim import PLAIN, Question, Rule
from analysis.data.cells import Cell
from analysis.stats.estimates import Estimate, Sample, estimate, more_data, narrowing


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.1, 3.9, "holds"),
        (4.1, 9.0, "contradicted"),
        (-2.0, 0.5, "contradicted"),
        (3.0, 5.0, "inconclusive"),
        (0.5, 5.0, "inconclusive"),
        (1.0, 2.0, "inconclusive"),  # touching a cut is not enough
        (1.5, math.inf, "inconclusive"),
        (5.0, math.inf, "contradicted"),
    ],
)
def test_a_verdict_is_the_region_that_holds_the_interval(low, high, verdict):
    rule = Rule("within 1 to 4", (1.0, 4.0), ("contradicted", "holds", "contradicted"))
    assert rule.judge(Estimate(min(2.0, high), low, high)) == verdict


def _sample(seed_rates: list[float], problems: int = 400) -> Sample:
    """One cell whose seeds err at these rates, on nested problems."""
    wrong = np.stack([np.arange(problems) < rate * problems for rate in seed_rates])
    return Sample({"a": Cell(tuple(range(len(seed_rates))), wrong)}, 4000)


def test_more_seeds_are_advised_where_seeds_differ():
    """By hand: seeds at 0.1 and 0.3 on nested problems, a fifth of which half of the seeds get wrong."""
    sample = _sample([0.1, 0.3])
    chance = 0.2 * 0.25 * 2 / 400  # of one seed's mean
    column = sample.points["a"].wrong.mean(axis=0)
    hardness = column.var() / 400 - chance / 2
    beyond = 1 - chance / 0.02  # Cochran's ratio, with one degree of freedom: the variance between seeds over chance
    seeds = beyond * 0.02 / 2

    def width(count: int) -> float:
        return seeds * 2 / count * (t.ppf(0.975, count - 1) / norm.ppf(0.975)) ** 2 + hardness + chance / count

    needed = next(count for count in range(1, 100) if width(2 + count) <= 0.25 * width(2))
    text = more_data(0.5, sample, ["a"], lambda errors: errors["a"])
    assert text == (f"{needed} more seeds" if needed > 1 else "1 more seed")
    assert more_data(0.05, sample, ["a"], lambda errors: errors["a"]).split(" or ")[0].endswith("more seeds")


def test_more_test_problems_are_advised_where_only_they_differ():
    sample = _sample([0.2, 0.2, 0.2])
    assert more_data(0.5, sample, ["a"], lambda errors: errors["a"]) == "1,200 more test problems"
    # And that many do it: the same problems four times over halve the interval.
    four = Sample({"a": Cell((0, 1, 2), np.tile(sample.points["a"].wrong, 4))}, 4000)
    widths = [estimate(lambda errors: errors["a"], one.drawn) for one in (sample, four)]
    ratio = (widths[1].high - widths[1].low) / (widths[0].high - widths[0].low)
    assert ratio == pytest.approx(0.5, rel=0.1)


def test_either_kind_mends_chance():
    """Every problem is got wrong by one of four seeds: no seed and no problem is worse than another."""
    wrong = np.arange(1000) % 4 == np.arange(4)[:, None]
    sample = Sample({"a": Cell((0, 1, 2, 3), wrong)}, 100)
    assert more_data(0.5, sample, ["a"], lambda errors: errors["a"]) == "12 more seeds or 3,000 more test problems"


def test_precision_that_no_data_of_one_kind_reaches():
    both = _sample([0.16, 0.2, 0.22, 0.22], problems=300)
    text = more_data(0.3, both, ["a"], lambda errors: errors["a"])
    assert "more seeds together with" in text and text.endswith("more test problems")
    assert more_data(0.01, both, ["a"], lambda errors: errors["a"]).startswith("> 100 more seeds together")
    assert more_data(0.0, both, ["a"], lambda errors: errors["a"]).startswith("no amount")
    assert more_data(0.5, both, ["a"], lambda errors: 0 * errors["a"]).startswith("unknown: ")
    assert more_data(0.5, _sample([0.2]), ["a"], lambda errors: errors["a"]).startswith("a second seed")


def test_an_interval_narrows_until_no_cut_is_inside():
    assert narrowing(Estimate(2.0, 0.0, 6.0), (1.0,)) == pytest.approx(0.5)
    assert narrowing(Estimate(2.0, 0.0, 6.0), (1.0, 3.0)) == pytest.approx(0.25)
    assert narrowing(Estimate(2.0, 1.5, 3.0), (1.0,)) == 1.0
    assert narrowing(Estimate(1.0, 0.0, 2.0), (1.0,)) == 0.0


def test_a_draw_without_a_value_stands_for_any():
    sample = _sample([0.2, 0.2])
    result = estimate(lambda errors: np.where(errors["a"] > 0.19, errors["a"], np.nan), sample.drawn)
    assert (result.low, result.high) == (-math.inf, math.inf) and result.value == pytest.approx(0.2)
    rare = estimate(lambda errors: np.where(errors["a"] > 0.14, errors["a"], np.nan), sample.drawn)
    plain = estimate(lambda errors: errors["a"], sample.drawn)
    assert (rare.low, rare.high) == pytest.approx((plain.low, plain.high), abs=0.004)


def test_one_seed_resolves_nothing():
    question = Question("a claim", "a figure", PLAIN, Rule("above 0", (0.0,), ("contradicted", "holds")), "a sweep")
    for seeds, verdict in ((1, "inconclusive"), (2, "holds")):
        result = question.answer("maze", _sample([0.5] * seeds), ["a"], lambda errors: errors["a"])
        assert result.verdict == verdict
        assert ("a second seed" in result.needed) == (seeds == 1)
