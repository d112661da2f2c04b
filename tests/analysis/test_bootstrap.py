from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.binomial import wilson
from analysis.bootstrap import percentile_interval, resample
from analysis.cells import Cell
from analysis.comparison import compare, compare_sizes, difference


def _cell(rate: float, problems: int = 300, seeds: int = 3, rng_seed: int = 0) -> Cell:
    rng = np.random.default_rng(rng_seed)
    rates = np.clip(rate + 0.05 * np.arange(seeds)[:, None], 0, 1)
    return Cell(tuple(range(seeds)), rng.uniform(size=(seeds, problems)) < rates)


def _by_hand(one: Cell, other: Cell, draws: int) -> list[float]:
    """The paired difference's draws with plain loops and another generator."""
    rng = random.Random(5)
    seeds, problems = one.wrong.shape
    ours, theirs = one.wrong.tolist(), other.wrong.tolist()
    found = []
    for _ in range(draws):
        rows = rng.choices(range(seeds), k=seeds)
        columns = rng.choices(range(problems), k=problems)
        total = sum(ours[row][column] - theirs[row][column] for row in rows for column in columns)
        found.append(total / (seeds * problems))
    return found


def test_intervals_against_plain_loops():
    one, other = _cell(0.4, problems=120), _cell(0.3, problems=120, rng_seed=1)
    draws = resample({("a", 1): one, ("b", 1): other}, draws=4000)
    found = difference(draws, ("a", 1), ("b", 1))
    expected = percentile_interval(np.array(_by_hand(one, other, 4000)))
    # 4,000 draws each: the 2.5 % points of two samples differ by about 0.04 standard deviations.
    assert (found.low, found.high) == pytest.approx(expected, abs=0.15 * (expected[1] - expected[0]) / 3.92)
    assert found.difference == pytest.approx(one.error - other.error)


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
    found = difference(draws, ("a", 1), ("b", 1))
    assert found.verdict == "above" and found.difference == pytest.approx(6 / 300)
    low, high = draws.interval(("a", 1))
    assert found.high - found.low < (high - low) / 2
    assert difference(draws, ("b", 1), ("a", 1)).verdict == "below"
    assert difference(draws, ("b", 1), ("b", 1)).verdict == "not resolved"


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), draws=st.integers(1, 50))
def test_a_seed_gives_its_draws_whatever_else_is_drawn(seed, draws):
    cells = {"a": _cell(0.2, problems=20), "b": _cell(0.5, problems=20)}
    first, again = resample(cells, draws, seed), resample({"b": cells["b"]}, draws, seed)
    np.testing.assert_array_equal(first.resampled["b"], again.resampled["b"])
    assert first.resampled["a"].shape == (draws,)
    assert np.all((first.resampled["a"] >= 0) & (first.resampled["a"] <= 1))


def test_a_cell_without_the_drawn_seeds_counts_its_own():
    whole = _cell(0.2, seeds=2)
    alone = Cell((0,), whole.wrong[:1])
    drawn = resample({"whole": whole, "alone": alone}).resampled["alone"]
    assert drawn.mean() == pytest.approx(alone.error, abs=0.01)


def test_no_errors_at_all_get_wilsons_interval():
    draws = resample({"none": Cell((0, 1), np.zeros((2, 50), dtype=bool))})
    assert draws.interval("none") == wilson(0, 50)  # seeds share the problems, so 50 and not 100


def test_comparisons_take_the_sizes_that_both_have():
    cells = {("sft", n): _cell(0.5 - n / 1000, rng_seed=n) for n in (100, 200, 400)}
    cells |= {("rft", n): _cell(0.1, rng_seed=n) for n in (200, 800)}
    draws = resample(cells, draws=200)
    (found,) = compare(cells, draws, "sft")
    assert (found.label, found.size, found.verdict) == ("rft", 200, "below")
    (step,) = compare_sizes(cells, draws, "sft")
    assert (step.size, step.other_size, step.verdict) == (400, 100, "below")
    with pytest.raises(ValueError, match="no runs with label 'dpo'"):
        compare(cells, draws, "dpo")


def test_what_cannot_be_resampled():
    with pytest.raises(ValueError, match=r"different numbers of test problems: \[10, 20\]"):
        resample({"a": _cell(0.2, problems=10), "b": _cell(0.2, problems=20)})
    with pytest.raises(ValueError, match="a cell and a draw"):
        resample({})
