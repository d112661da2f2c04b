from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2

from analysis.data.cells import Cell
from analysis.stats.overdispersion import overdispersion


def _cell(wrong: np.ndarray) -> Cell:
    return Cell(tuple(range(len(wrong))), wrong.astype(bool))


def _drawn(rng: np.random.Generator, rates: np.ndarray) -> Cell:
    """Answers by chance alone, at rates (S, P)."""
    return _cell(rng.uniform(size=rates.shape) < rates)


def test_two_seeds_are_mcnemars_test():
    # 12 problems wrong under the first seed alone, 5 under the second alone, 20 under both.
    wrong = np.zeros((2, 60))
    wrong[0, :12] = wrong[1, 12:17] = wrong[:, 17:37] = 1
    result = overdispersion([_cell(wrong)])
    assert (result.statistic, result.df) == (pytest.approx((12 - 5) ** 2 / (12 + 5)), 1)
    assert result.p_value == pytest.approx(chi2.sf(49 / 17, 1))


@given(wrong=arrays(bool, st.tuples(st.integers(2, 6), st.integers(1, 30))))
def test_it_is_cochrans_q(wrong):
    seeds = len(wrong)
    by_seed, by_problem = wrong.sum(axis=1), wrong.sum(axis=0)
    chance = seeds * by_problem.sum() - (by_problem**2).sum()
    assume(chance > 0)
    q = (seeds - 1) * (seeds * (by_seed**2).sum() - by_seed.sum() ** 2) / chance  # as Cochran 1950 writes it
    result = overdispersion([_cell(wrong)])
    assert result.statistic == pytest.approx(q, abs=1e-9) and result.df == seeds - 1


def test_cells_add_up():
    rng = np.random.default_rng(0)
    one, other = _drawn(rng, np.full((3, 50), 0.3)), _drawn(rng, np.full((5, 50), 0.6))
    both = overdispersion([one, other])
    assert both.statistic == pytest.approx(overdispersion([one]).statistic + overdispersion([other]).statistic)
    assert both.df == 2 + 4 and both.ratio == pytest.approx(both.statistic / 6)


def test_chance_alone_has_a_ratio_of_one_however_hard_the_problems():
    rng = np.random.default_rng(1)
    hard = rng.beta(0.3, 0.7, size=400)  # most problems are nearly always right or nearly always wrong
    result = overdispersion(_drawn(rng, np.tile(hard, (5, 1))) for _ in range(400))
    assert result.ratio == pytest.approx(1, abs=4 * math.sqrt(2 / result.df))
    assert result.relative_sd < 0.02


def test_a_planted_spread_is_found():
    rng = np.random.default_rng(2)
    rates = 0.3 * np.exp(0.1 * rng.standard_normal((200, 6, 1)))
    result = overdispersion(_drawn(rng, np.tile(one, (1, 1000))) for one in rates)
    assert result.relative_sd == pytest.approx(0.1, rel=0.1)
    # Between seeds (0.1 * 0.3)^2 beside chance 0.3 * 0.7 / 1000, and p far below anything.
    assert result.ratio == pytest.approx(1 + 0.03**2 * 1000 / 0.21, rel=0.1)
    assert result.p_value < 1e-12


def test_nothing_to_tell_from():
    alike = _cell(np.tile(np.arange(10) < 3, (3, 1)))
    result = overdispersion([alike, _cell(np.ones((1, 10))), _cell(np.zeros((2, 10)))])
    assert (result.statistic, result.df, result.relative_sd) == (0.0, 0, 0.0)
    assert math.isnan(result.ratio) and math.isnan(result.p_value)


def _shares(rng: np.random.Generator, rates: np.ndarray, each: int) -> Cell:
    """Shares of incorrect ones among `each` samples, at rates (S, P)."""
    return Cell(tuple(range(len(rates))), rng.binomial(each, rates) / each, each)


def test_chance_of_samples_has_a_ratio_of_one_also_where_policies_differ_by_problem():
    rng = np.random.default_rng(4)
    for concentration in (1e6, 2.0):  # samples of a policy are independent, or alike
        rates = rng.beta(0.3 * concentration, 0.7 * concentration, size=(300, 4, 200))
        result = overdispersion(_shares(rng, one, 4) for one in rates)
        assert result.ratio == pytest.approx(1, abs=4 * math.sqrt(2 / result.df))


def test_samples_that_are_all_alike_are_one_answer():
    wrong = np.random.default_rng(5).uniform(size=(4, 60)) < 0.4
    alike = Cell((0, 1, 2, 3), wrong.astype(float), 4)
    assert overdispersion([alike]) == overdispersion([_cell(wrong)])


def test_a_planted_spread_is_found_in_samples():
    rng = np.random.default_rng(6)
    rates = 0.3 * np.exp(0.1 * rng.standard_normal((200, 6, 1)))
    result = overdispersion(_shares(rng, np.tile(one, (1, 250)), 4) for one in rates)
    assert result.relative_sd == pytest.approx(0.1, rel=0.1)
    assert result.ratio == pytest.approx(1 + 0.03**2 * 1000 / 0.21, rel=0.1)  # 250 problems of 4 samples
