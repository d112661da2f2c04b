from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import t

from analysis.data.cells import Cell
from analysis.stats.binomial import wilson
from analysis.stats.bootstrap import percentile_interval, resample
from analysis.stats.overdispersion import overdispersion
from analysis.study.differences import compare, compare_sizes, difference


def _cell(rate: float, problems: int = 300, seeds: int = 3, rng_seed: int = 0) -> Cell:
    rng = np.random.default_rng(rng_seed)
    rates = np.clip(rate + 0.05 * np.arange(seeds)[:, None], 0, 1)
    return Cell(tuple(range(seeds)), rng.uniform(size=(seeds, problems)) < rates)


def _alike(rate: float, problems: int, seeds: int = 3, rng_seed: int = 0) -> Cell:
    """Seeds that get different problems wrong, but equally many."""
    rng = np.random.default_rng(rng_seed)
    row = np.arange(problems) < round(rate * problems)
    return Cell(tuple(range(seeds)), np.stack([rng.permutation(row) for _ in range(seeds)]))


def _by_hand(one: Cell, other: Cell, draws: int) -> list[float]:
    """Draws of the paired difference over test problems alone, with plain loops and another generator."""
    rng = random.Random(5)
    seeds, problems = one.wrong.shape
    ours, theirs = one.wrong.tolist(), other.wrong.tolist()
    result = []
    for _ in range(draws):
        columns = rng.choices(range(problems), k=problems)
        total = sum(ours[row][column] - theirs[row][column] for row in range(seeds) for column in columns)
        result.append(total / (seeds * problems))
    return result


def test_seeds_that_are_alike_leave_the_problems_as_plain_loops_resample_them():
    one, other = _alike(0.4, 200), _alike(0.3, 200, rng_seed=1)
    draws = resample({("a", 1): one, ("b", 1): other}, draws=4000)
    result = difference(draws, ("a", 1), ("b", 1))
    expected = percentile_interval(np.array(_by_hand(one, other, 4000)))
    # 4,000 draws each: the 2.5 % points of two samples differ by about 0.04 standard deviations.
    assert (result.low, result.high) == pytest.approx(expected, abs=0.15 * (expected[1] - expected[0]) / 3.92)
    assert result.difference == pytest.approx(one.error - other.error)


@pytest.mark.parametrize("shares", [(0.2, 0.3, 0.4), (0.5, 0.6, 0.45, 0.58), (0.1, 0.15, 0.12, 0.2, 0.18)])
def test_seeds_far_apart_have_students_t_interval(shares):
    # So many problems that chance is nothing: what is left is the t interval of the seeds' mean, in log odds.
    cell = Cell(tuple(range(len(shares))), np.arange(2_000) < 2_000 * np.array(shares)[:, None])
    low, high = resample({"a": cell}, draws=8000).interval("a")
    mean, seeds = np.mean(shares), len(shares)
    half = t.ppf(0.975, seeds - 1) * np.std(shares, ddof=1) / np.sqrt(seeds) / (mean * (1 - mean))
    assert (logit(low), logit(high)) == pytest.approx((logit(mean) - half, logit(mean) + half), abs=0.1 * half)


def test_a_seed_effect_common_to_all_cells_cancels():
    cells = {name: Cell((0, 1, 2), np.arange(2_000) < 2_000 * np.array(shares)[:, None]) for name, shares in _SHIFTED}
    draws = resample(cells)
    width = np.subtract(*draws.interval(("a", 1))[::-1])
    result = difference(draws, ("a", 1), ("b", 1))
    assert result.high - result.low < width / 10 and result.verdict == "above"


# The same seed is lucky in both, and the error is near a half where log odds are straight.
_SHIFTED = [(("a", 1), (0.45, 0.50, 0.55)), (("b", 1), (0.44, 0.49, 0.54))]


def test_only_the_spread_beyond_chance_is_added():
    # Chance and as much again three times over between 40 seeds, in 30 cells: a quarter of the seeds' spread is chance.
    rng = np.random.default_rng(3)
    problems, chance = 500, 0.3 * 0.7 / 500
    rates = 0.3 + np.sqrt(3 * chance) * rng.standard_normal((30, 40))
    cells = {
        place: Cell(tuple(range(40)), rng.uniform(size=(40, problems)) < one[:, None])
        for place, one in enumerate(rates)
    }
    draws = resample(cells, draws=4000)
    seen = np.mean(
        [logit(draws.resampled[key]).var() * (cell.error * (1 - cell.error)) ** 2 for key, cell in cells.items()]
    )
    between = np.mean([cell.wrong.mean(axis=1).var(ddof=1) / 40 for cell in cells.values()])
    by_problem = np.mean([cell.wrong.mean(axis=0).var() / problems for cell in cells.values()])
    beyond = 1 - 1 / overdispersion(cells.values()).ratio
    assert beyond == pytest.approx(0.75, abs=0.02)
    assert seen == pytest.approx(by_problem + beyond * between * 39 / 37, rel=0.03)  # 39 / 37: variance of t


def test_one_seed_gives_the_binomial_spread():
    cell = Cell((0,), np.arange(1000)[None] < 250)
    spread = resample({"a": cell}, draws=4000).resampled["a"].std()
    assert spread == pytest.approx(np.sqrt(0.25 * 0.75 / 1000), rel=0.05)


def test_seeds_that_differ_widen_the_interval():
    same = Cell((0, 1), np.stack([np.arange(500) < 150] * 2))
    apart = Cell((0, 1), np.stack([np.arange(500) < 100, np.arange(500) < 200]))
    draws = resample({"same": same, "apart": apart})
    widths = {key: np.subtract(*draws.interval(key)[::-1]) for key in ("same", "apart")}
    assert widths["apart"] > 2 * widths["same"]


def test_a_difference_is_paired():
    cell = _cell(0.4)
    worse = Cell(cell.seeds, cell.wrong.copy())
    worse.wrong[:, np.flatnonzero(~cell.wrong.any(axis=0))[:6]] = True  # wrong on the same problems and six more
    draws = resample({("a", 1): worse, ("b", 1): cell})
    result = difference(draws, ("a", 1), ("b", 1))
    assert result.verdict == "above" and result.difference == pytest.approx(6 / 300)
    low, high = draws.interval(("a", 1))
    assert result.high - result.low < (high - low) / 2
    assert difference(draws, ("b", 1), ("a", 1)).verdict == "below"
    assert difference(draws, ("b", 1), ("b", 1)).verdict == "inconclusive"


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), draws=st.integers(1, 50), seeds=st.integers(1, 3))
def test_a_seed_gives_its_draws_in_whatever_order(seed, draws, seeds):
    cells = {name: _cell(rate, problems=20, seeds=seeds) for name, rate in (("a", 0.2), ("b", 0.5))}
    first, again = resample(cells, draws, seed), resample(dict(reversed(cells.items())), draws, seed)
    for name in cells:
        np.testing.assert_allclose(first.resampled[name], again.resampled[name], rtol=1e-12)
        assert first.resampled[name].shape == (draws,)
        assert np.all((first.resampled[name] > 0) & (first.resampled[name] < 1))


@given(seed=st.integers(0, 2**32 - 1))
def test_a_single_seeds_draws_do_not_depend_on_the_other_cells(seed):
    cells = {"a": _cell(0.2, problems=20, seeds=1), "b": _cell(0.5, problems=20, seeds=1)}
    whole, alone = resample(cells, 20, seed), resample({"b": cells["b"]}, 20, seed)
    np.testing.assert_allclose(whole.resampled["b"], alone.resampled["b"], rtol=1e-12)


def test_a_cell_that_lacks_seeds_is_drawn_from_the_seeds_it_has():
    whole = _cell(0.2, seeds=4)
    some = Cell((1, 3), whole.wrong[[1, 3]])
    alone = Cell((2,), whole.wrong[[2]])
    drawn = resample({"whole": whole, "some": some, "alone": alone})
    assert np.median(drawn.resampled["some"]) == pytest.approx(some.error, abs=0.01)
    # A single seed says nothing of other seeds: it has the spread of its problems.
    expected = np.sqrt(alone.error * (1 - alone.error) / 300)
    assert drawn.resampled["alone"].std() == pytest.approx(expected, rel=0.1)


def test_no_errors_at_all_get_wilsons_interval():
    draws = resample({"none": Cell((0, 1), np.zeros((2, 50), dtype=bool))})
    assert draws.interval("none") == wilson(0, 50)  # seeds share the problems, so 50 and not 100


def test_comparisons_take_the_sizes_that_both_have():
    cells = {("sft", n): _cell(0.5 - n / 1000, rng_seed=n) for n in (100, 200, 400)}
    cells |= {("rft", n): _cell(0.1, rng_seed=n) for n in (200, 800)}
    draws = resample(cells, draws=200)
    (result,) = compare(cells, draws, "sft")
    assert (result.label, result.size, result.verdict) == ("rft", 200, "below")
    (step,) = compare_sizes(cells, draws, "sft")
    assert (step.size, step.other_size, step.verdict) == (400, 100, "below")
    with pytest.raises(ValueError, match="no runs with label 'dpo'"):
        compare(cells, draws, "dpo")


def test_cells_that_cannot_be_resampled():
    with pytest.raises(ValueError, match=r"different numbers of test problems: \[10, 20\]"):
        resample({"a": _cell(0.2, problems=10), "b": _cell(0.2, problems=20)})
    with pytest.raises(ValueError, match="at least one cell and one draw"):
        resample({})


def test_samples_have_the_spread_of_the_problems_shares():
    # One seed: an answer is a share, whose variance over the problems is that of difficulty plus p (1 - p) / M.
    rng = np.random.default_rng(8)
    rates = rng.choice([0.1, 0.5], size=4000)
    cell = Cell((0,), rng.binomial(4, rates)[None] / 4, 4)
    expected = np.sqrt((0.2**2 + (0.1 * 0.9 + 0.5 * 0.5) / 2 / 4) / 4000)
    assert resample({"a": cell}, draws=4000).resampled["a"].std() == pytest.approx(expected, rel=0.06)
