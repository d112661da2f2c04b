from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.data.cells import Cell, SizeKey
from analysis.fits.laws import FloorLaw, Law, PowerLaw, RectifiedLaw
from analysis.stats.bootstrap import Draws, resample
from analysis.study.curves import fit_curve, fit_curves
from benchmarks.coverage import Scenario

SIZES = (100, 200, 400, 800, 1600, 3200, 6400)


def _exact(error: float, problems: int = 4000) -> Cell:
    """Three seeds with the same share of errors, on the same problems."""
    return Cell((0, 1, 2), np.tile(np.arange(problems) < round(error * problems), (3, 1)))


def _following(law: Law) -> tuple[dict[SizeKey, Cell], Draws[SizeKey]]:
    cells = {("sft", n): _exact(float(law.predict(n))) for n in SIZES}
    return cells, resample(cells, draws=200)


POWER, FLOOR = PowerLaw(5.0, 0.5), FloorLaw(0.05, 45.0, 1.0)


def test_intervals_hold_the_planted_law():
    curve = fit_curve(*_following(POWER), "sft")
    assert curve.sizes == SIZES and curve.spent == SIZES
    assert curve.fit.law.exponent == pytest.approx(0.5, abs=2e-3)
    low, high = curve.exponent_interval()
    assert low < 0.5 < high
    low, high = curve.amplitude_interval()
    assert low < 5.0 < high


@settings(max_examples=10)
@given(factor=st.floats(1e-3, 1e12))
def test_flops_in_proportion_to_n_leave_the_exponent(factor):
    cells, draws = _following(POWER)
    curve, in_flops = (
        fit_curve(cells, draws, "sft", flops) for flops in (None, {key: factor * key[1] for key in cells})
    )
    assert in_flops.spent == pytest.approx([factor * size for size in SIZES])
    assert in_flops.exponents == pytest.approx(curve.exponents, abs=1e-6)
    reached = curve.baseline_law.log_reached(np.full(200, 0.2))
    assert in_flops.baseline_law.log_reached(np.full(200, 0.2)) == pytest.approx(reached + np.log(factor), abs=1e-5)


def test_a_power_law_is_read_backwards_as_such():
    curve = fit_curve(*_following(POWER), "sft")
    baseline_law = curve.baseline_law
    assert isinstance(baseline_law.law, PowerLaw) and not baseline_law.floors.any()
    assert np.all(baseline_law.log_offsets == -np.inf)
    assert (baseline_law.smallest, baseline_law.largest) == (100, 6400)
    expected = (curve.log_amplitudes - np.log(0.1)) / curve.exponents
    assert baseline_law.log_reached(np.full(200, 0.1)) == pytest.approx(expected)


def test_a_floor_is_seen_and_nothing_reaches_below_it():
    baseline_law = fit_curve(*_following(FLOOR), "sft").baseline_law
    assert isinstance(baseline_law.law, FloorLaw)
    assert baseline_law.law.floor == pytest.approx(0.05, abs=2e-3)
    assert np.median(baseline_law.floors) == pytest.approx(0.05, abs=2e-3)
    assert baseline_law.law.invert(0.03) == np.inf
    assert np.all(baseline_law.log_reached(np.full(200, 0.03)) > 100)  # beyond any number of problems
    # 0.05 + 45 / 500 = 0.14
    assert np.median(np.exp(baseline_law.log_reached(np.full(200, 0.14)))) == pytest.approx(500, rel=0.02)


@pytest.mark.parametrize("floor", [0.0, 0.04])
def test_a_curve_that_begins_flat_is_read_backwards_by_the_rectified_law(floor):
    law = RectifiedLaw(floor, 300.0, 400.0, 1.1)  # 0.54 at N = 100, of 0.75 with no data
    curve = fit_curve(*_following(law), "sft")
    baseline_law = curve.baseline_law
    assert isinstance(baseline_law.law, RectifiedLaw) and (baseline_law.law.floor > 0) == (floor > 0)
    np.testing.assert_allclose(baseline_law.law.predict(SIZES), law.predict(SIZES), rtol=0.03)
    np.testing.assert_allclose(np.median(baseline_law.predict(SIZES), axis=0), law.predict(SIZES), rtol=0.03)
    for n in (150.0, 1000.0, 5000.0):  # between the sizes that were run
        reached = np.exp(baseline_law.log_reached(np.full(200, float(law.predict(n)))))
        assert np.median(reached) == pytest.approx(n, rel=0.05)
    assert np.all(baseline_law.log_reached(np.full(200, 0.9)) < -100)  # no data is better than that
    assert curve.misses() and baseline_law.misses(curve.resampled) == ()


def test_few_sizes_never_have_a_floor():
    cells, draws = _following(FLOOR)
    few = {key: cell for key, cell in cells.items() if key[1] <= 800}
    assert isinstance(fit_curve(few, draws, "sft").baseline_law.law, PowerLaw)


def test_seeds_that_differ_by_more_than_chance_ask_more_of_a_floor():
    # The same mean errors, once with seeds that agree and once with seeds so far apart that the bend may be theirs.
    apart = np.array([0.7, 1.0, 1.3])
    law = FloorLaw(0.02, 45.0, 1.0)
    cells = {
        ("sft", n): Cell((0, 1, 2), np.arange(4000) < np.round(4000 * apart * law.predict(n))[:, None]) for n in SIZES
    }
    draws = resample(cells, draws=50)
    assert isinstance(fit_curve(*_following(law), "sft").baseline_law.law, FloorLaw)
    assert isinstance(fit_curve(cells, draws, "sft").baseline_law.law, PowerLaw)


def test_a_law_that_misses_points_of_its_data_names_them():
    cells, draws = _following(POWER)
    curve = fit_curve(cells, draws, "sft")
    assert curve.misses() == ()
    cells["sft", 800] = _exact(1.3 * float(POWER.predict(800)))  # fifteen standard errors
    curve = fit_curve(cells, resample(cells), "sft")
    assert 800 in curve.misses()
    bent = fit_curve(*_following(FLOOR), "sft")
    assert bent.misses() and bent.baseline_law.misses(bent.resampled) == ()  # the law with a floor misses nothing


@settings(max_examples=20, deadline=None)
@given(wrong=st.lists(st.integers(40, 960), min_size=2, max_size=2), seed=st.integers(0, 99))
def test_a_law_with_as_many_parameters_as_sizes_misses_none(wrong: list[int], seed: int):
    """The residuals are the optimiser's rounding, in every draw of the same sign."""
    rng = np.random.default_rng(seed)
    sizes = [("sft", 100), ("sft", 200)]
    cells = {key: Cell((0,), (rng.permutation(1000) < n)[None]) for key, n in zip(sizes, wrong, strict=True)}
    assert fit_curve(cells, resample(cells, draws=100), "sft").misses() == ()


@pytest.mark.filterwarnings("error")
def test_draws_without_errors_are_compared_without_a_warning():
    cells = {("sft", n): _exact(error, 1000) for n, error in ((100, 0.3), (200, 0.1), (400, 0.001), (800, 0.0))}
    assert 800 not in fit_curve(cells, resample(cells, draws=200), "sft").misses()


def test_a_law_that_holds_misses_nothing_but_by_chance():
    scenario = Scenario(5, 0.9, 0.0)
    missed = 0
    for seed in range(60):
        cells = scenario.sweep(np.random.default_rng(seed))
        missed += bool(fit_curve(cells, resample(cells, draws=400), "sft").misses())
    assert missed <= 9  # 3 expected; 9 is beyond 3 standard deviations


def test_draws_that_do_not_fall_reach_nothing_lower_and_everything_higher():
    cells = {("sft", n): _exact(0.3 + n / 50_000) for n in SIZES}
    baseline_law = fit_curve(cells, resample(cells, draws=50), "sft").baseline_law
    assert np.all(baseline_law.log_reached(np.full(50, 0.1)) > 100)
    assert np.all(baseline_law.log_reached(np.full(50, 0.9)) < -100)


def test_a_label_that_cannot_be_fitted_has_a_reason():
    cells = {("sft", 100): _exact(0.2), ("rft", 100): _exact(0.2), ("rft", 200): _exact(0.1)}
    draws = resample(cells, draws=10)
    curves, unfitted = fit_curves(cells, draws)
    assert list(curves) == ["rft"] and "two sizes or more" in unfitted["sft"]
    with pytest.raises(ValueError, match="not all of its runs record their FLOPs"):
        fit_curve(cells, draws, "rft", {("rft", 100): 1e9})
    with pytest.raises(ValueError, match="no runs with label 'dpo'"):
        fit_curve(cells, draws, "dpo")
