from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from analysis.fits.counts import count_draws, fit_counts
from analysis.fits.laws import FloorLaw, PowerLaw, RectifiedLaw, TurningLaw
from analysis.fits.power import fit_power_law
from analysis.fits.size_laws import AUTO_LAWS, LAWS, size_shape
from analysis.fits.solving import refit_counts, resample_counts, solve_counts

SIZES = np.array([100.0, 200, 400, 800, 1600, 3200, 6400])
TESTED = np.full(7, 2000)
PLANTED = {
    "power": PowerLaw(3, 0.4),
    "floor": FloorLaw(0.05, 5, 0.6),
    "rectified": RectifiedLaw(0.05, 90, 100, 0.9),
    "turning": TurningLaw(5, 0.6, 0.002, 0.4),
}


def drawn(law, seed=0):
    return np.random.default_rng(seed).binomial(TESTED, PLANTED[law].predict(SIZES))


def minus_log_likelihood(rates, wrong, tested):
    rates = np.clip(rates, 1e-12, 1 - 1e-12)
    return -float(np.sum(wrong * np.log(rates) + (tested - wrong) * np.log1p(-rates)))


@pytest.mark.filterwarnings("ignore:The Log link function does not respect")
@pytest.mark.parametrize("seeds_apart", [False, True])
def test_the_power_law_is_the_log_binomial_model_of_statsmodels(seeds_apart):
    sizes, tested = (np.repeat(SIZES, 3), np.full(21, 500)) if seeds_apart else (SIZES, TESTED)
    wrong = np.random.default_rng(0).binomial(tested, PLANTED["power"].predict(sizes))
    family = sm.families.Binomial(link=sm.families.links.Log())
    outcome = np.column_stack([wrong, tested - wrong])
    model = sm.GLM(outcome, sm.add_constant(-np.log(sizes)), family=family)
    theirs = model.fit(start_params=[0.0, 0.3], tol=1e-12, maxiter=200)
    ratio = max(1.0, theirs.pearson_chi2 / theirs.df_resid)
    covariance = np.linalg.inv(-model.hessian(theirs.params, observed=True)) * ratio
    fit = fit_power_law(sizes, wrong, tested)
    general = solve_counts(size_shape("power", sizes), wrong, tested)  # as all other laws are fitted
    for law, result in ((fit.law, fit.covariance), (PowerLaw(*general.parameters), general.covariance)):
        assert [math.log(law.amplitude), law.exponent] == pytest.approx(theirs.params, rel=1e-7)
        assert np.array(result) == pytest.approx(covariance, rel=1e-4)
    assert np.square(fit.residuals).sum() == pytest.approx(theirs.pearson_chi2)


@pytest.mark.parametrize("law", AUTO_LAWS)
def test_scipy_finds_nothing_better(law):
    wrong = drawn(law)
    fit = fit_counts(law, SIZES, wrong, TESTED)
    assert fit.log_likelihood == pytest.approx(-minus_log_likelihood(fit.predict(SIZES), wrong, TESTED), rel=1e-12)

    def loss(parameters):
        return minus_log_likelihood(LAWS[law][0](*np.exp(parameters)).predict(SIZES), wrong, TESTED)

    start = np.log(list(vars(PLANTED[law]).values()))
    result = min(
        minimize(
            loss, start + shift, method="Nelder-Mead", options={"maxfev": 20000, "maxiter": 20000, "fatol": 1e-9}
        ).fun
        for shift in (0.0, 0.1, -0.2)
    )
    assert -fit.log_likelihood <= result + 1e-6
    assert -fit.log_likelihood >= result - 0.05  # the valleys of four parameters are long and flat


@pytest.mark.parametrize("law", AUTO_LAWS)
def test_planted_laws_are_recovered_from_exact_counts(law):
    tested = np.full(7, 10**6)
    fit = fit_counts(law, SIZES, PLANTED[law].predict(SIZES) * tested, tested)
    assert fit.parameters == pytest.approx(vars(PLANTED[law]), rel=1e-5)
    assert not fit.bounded and fit.covariance is not None
    assert fit.residuals == pytest.approx([0] * 7, abs=1e-3)


@settings(max_examples=15)
@given(seed=st.integers(0, 99), scale=st.floats(1e-4, 1e6), law=st.sampled_from(["power", "floor"]))
def test_rescaling_n_leaves_the_exponent(seed, scale, law):
    wrong = drawn(law, seed)
    before, after = (fit_counts(law, SIZES * factor, wrong, TESTED) for factor in (1, scale))
    assert after.law.exponent == pytest.approx(before.law.exponent, abs=1e-6)
    assert after.log_likelihood == pytest.approx(before.log_likelihood, rel=1e-12)
    expected = math.log(before.law.amplitude) + before.law.exponent * math.log(scale)
    assert math.log(after.law.amplitude) == pytest.approx(expected, abs=1e-5)


def test_rates_never_pass_1():
    # Nothing right at the smallest size: the likelihood alone would go on rising beyond a rate of 1.
    for law in AUTO_LAWS:
        fit = fit_counts(law, SIZES, [2000, 1900, 1200, 700, 500, 400, 300], TESTED)
        assert np.all(fit.predict(SIZES) <= 1 + 1e-5), law
    assert fit_counts("floor", SIZES, [2000] * 7, TESTED).predict(SIZES) == pytest.approx([1] * 7, abs=1e-5)


def test_no_errors_at_the_end_of_a_curve_are_data_too():
    wrong = [1000, 420, 160, 60, 20, 6, 0]
    for law in ("power", "floor", "rectified"):
        fit = fit_counts(law, SIZES, wrong, TESTED)
        assert 1 < fit.law.exponent < 2 and fit.predict(6400) < 0.003
    with pytest.raises(ValueError, match="no error to fit"):
        fit_counts("floor", SIZES, [0] * 7, TESTED)


def test_over_dispersed_seeds_widen_the_covariance():
    rng = np.random.default_rng(0)
    sizes, tested = np.repeat(SIZES, 5), np.full(35, 2000)
    rates = PLANTED["floor"].predict(sizes)
    even = fit_counts("floor", sizes, np.rint(rates * tested), tested)
    spread = fit_counts("floor", sizes, rng.binomial(tested, rates * rng.lognormal(0, 0.15, 35)), tested)
    assert spread.covariance[2][2] > 4 * even.covariance[2][2]
    draws = count_draws("floor", sizes, rng.binomial(tested, rates * rng.lognormal(0, 0.15, 35)), tested, draws=300)
    assert draws[:, 2].std() > 1.5 * math.sqrt(even.covariance[2][2])


def test_draws_agree_with_the_covariance_and_with_single_fits():
    wrong, shape = drawn("floor"), size_shape("floor", SIZES)
    fit = fit_counts("floor", SIZES, wrong, TESTED)
    draws = count_draws("floor", SIZES, wrong, TESTED, draws=2000)
    assert draws.std(axis=0)[[0, 2]] == pytest.approx(np.sqrt(np.diag(fit.covariance))[[0, 2]], rel=0.25)
    solution = solve_counts(shape, wrong.astype(float), TESTED.astype(float))
    sampled = resample_counts(solution, TESTED.astype(float), 15, 1)
    alone = [list(fit_counts("floor", SIZES, one, TESTED).parameters.values()) for one in sampled]
    assert refit_counts(solution, sampled, TESTED.astype(float)) == pytest.approx(np.array(alone), rel=1e-3, abs=1e-6)


def test_a_law_needs_as_many_sizes_as_parameters():
    with pytest.raises(ValueError, match="4 parameters and needs as many sizes or more, not 3"):
        fit_counts("turning", np.repeat(SIZES[:3], 5), [9] * 15, [20] * 15)
