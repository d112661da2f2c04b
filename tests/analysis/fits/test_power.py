from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binom

from analysis.fits.laws import PowerLaw
from analysis.fits.power import LEAST_EXPECTED_ERRORS, fit_draws, fit_power_law
from analysis.stats.binomial import log_likelihood, wilson

SIZES = np.array([100, 200, 400, 800, 1600])


def test_wilson_against_published_values():
    # Newcombe 1998, Table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for wrong, tested, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)]:
        assert wilson(wrong, tested) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(20, 20) == pytest.approx((0.8389, 1.0), abs=5e-5)
    with pytest.raises(ValueError, match="3 incorrect of 2"):
        wilson(3, 2)


def test_log_likelihood_is_the_binomial_one_without_its_coefficient():
    expected = binom.logpmf(7, 20, 0.3) - math.log(math.comb(20, 7))
    assert log_likelihood(math.log(0.3), 7, 20) == pytest.approx(expected, rel=1e-12)
    assert log_likelihood(0.0, 20, 20) == 0.0
    assert log_likelihood(0.0, 19, 20) == -math.inf


def test_law_predicts_and_inverts():
    law = PowerLaw(amplitude=5.0, exponent=0.5)
    assert law.predict([100, 400]) == pytest.approx([0.5, 0.25])
    assert law.invert(law.predict(SIZES)) == pytest.approx(SIZES)
    assert law.invert(0.0) == np.inf
    # METHOD.md: at exponent 0.15, eight times the data takes 26.8 % off the error; at 0.05, 9.9 %.
    for exponent, change in [(0.15, 0.268), (0.05, 0.099)]:
        assert 1 - PowerLaw(1, exponent).predict(8) / PowerLaw(1, exponent).predict(1) == pytest.approx(
            change, abs=5e-4
        )
    with pytest.raises(ValueError, match="does not fall"):
        PowerLaw(0.5, -0.1).invert(0.2)


def test_a_planted_law_is_recovered_exactly():
    tested = np.full(5, 10**6)
    fit = fit_power_law(SIZES, 5.0 * SIZES**-0.5 * tested, tested)  # fractional counts: no rounding in the way
    assert fit.law.exponent == pytest.approx(0.5, abs=1e-10)
    assert fit.law.amplitude == pytest.approx(5.0, rel=1e-9)
    assert (fit.smallest, fit.largest, fit.bounded) == (100, 1600, False)


def test_two_sizes_are_met_exactly_whatever_their_weights():
    fit = fit_power_law([100, 400], [50, 3], [100, 12])
    assert fit.law.predict([100, 400]) == pytest.approx([0.5, 0.25], rel=1e-10)


def test_a_flat_likelihood_settles():
    # Right answers at the middle size only: all laws with one rate there are equally likely.
    fit = fit_power_law(SIZES, [300, 300, 0, 300, 300], np.full(5, 300))
    assert fit.law.predict([400]) == pytest.approx([0.8], rel=1e-9)


def test_pooled_and_separate_seeds_agree():
    pooled = fit_power_law([100, 400, 800], [90, 50, 21], [200, 200, 200])
    apart = fit_power_law([100, 400, 800, 100, 400, 800], [50, 20, 11, 40, 30, 10], [100] * 6)
    assert pooled.law.exponent == pytest.approx(apart.law.exponent, abs=1e-9)
    assert pooled.log_likelihood == pytest.approx(apart.log_likelihood, rel=1e-12)


counts = st.lists(st.integers(0, 300), min_size=5, max_size=5)


@settings(max_examples=15)
@given(wrong=counts)
def test_no_other_optimiser_finds_a_higher_likelihood(wrong):
    tested = np.full(5, 300)
    if not any(wrong):
        with pytest.raises(ValueError, match="no error to fit"):
            fit_power_law(SIZES, wrong, tested)
        return
    fit = fit_power_law(SIZES, wrong, tested)
    place = np.log(SIZES / 100) / np.log(16)

    def loss(ends):
        return -log_likelihood((1 - place) * ends[0] + place * ends[1], wrong, tested).sum()

    least = math.log(LEAST_EXPECTED_ERRORS / 300)
    result = [
        minimize(loss, start, method="L-BFGS-B", bounds=[(least, -1e-12)] * 2)
        for start in ([-0.5, -0.5], [-0.1, -3], [-3, -0.1])
    ]
    assert fit.log_likelihood >= -min(one.fun for one in result) - 1e-7
    assert np.all(fit.law.predict(SIZES) <= 1 + 1e-12)


@settings(max_examples=60)
@given(wrong=counts.filter(any), scale=st.floats(1e-3, 1e3))
def test_rescaling_n_leaves_the_exponent(wrong, scale):
    fit, rescaled = (fit_power_law(SIZES * factor, wrong, [300] * 5) for factor in (1.0, scale))
    assert rescaled.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-12, abs=1e-9)
    assume(np.count_nonzero(np.array(wrong) < 300) > 1)  # else the likelihood may be flat in the exponent (above)
    law, scaled = fit.law, rescaled.law
    assert scaled.exponent == pytest.approx(law.exponent, abs=1e-6)
    assert math.log(scaled.amplitude) == pytest.approx(math.log(law.amplitude * scale**law.exponent), abs=1e-5)


def test_extreme_counts():
    assert fit_power_law([100, 200], [20, 20], [20, 20]).law.predict([100, 200]) == pytest.approx([1, 1])
    reached = fit_power_law([100, 200, 400], [20, 0, 0], [20, 20, 20])
    assert reached.bounded and reached.law.exponent > 1
    rising = fit_power_law([100, 200, 400], [0, 0, 20], [20, 20, 20])
    assert rising.bounded and rising.law.exponent < -1
    # Nothing wrong at the end of a curve is data like any other.
    falling = fit_power_law([100, 200, 400, 800], [60, 25, 9, 0], [100] * 4)
    assert not falling.bounded and 1 < falling.law.exponent < 3


def test_draws_are_fitted_independently():
    rng = np.random.default_rng(1)
    wrong = rng.binomial(200, rng.uniform(0.05, 0.9, size=(30, 5)))
    _, exponents = fit_draws(SIZES, wrong / 200, [200] * 5)
    alone = [fit_power_law(SIZES, row, [200] * 5).law.exponent for row in wrong]
    assert exponents == pytest.approx(alone, abs=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([100, 200], [1], [10, 10]), "differ in shape"),
        (([100, 200], [1, 11], [10, 10]), "wrong between 0 and tested"),
        (([100, 100], [1, 2], [10, 10]), "two sizes or more, not 1"),
        (([100, 200], [0, 0], [10, 10]), "no error to fit"),
    ],
)
def test_invalid_data_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_power_law(*arguments)
