from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from analysis.defaults import HUBER_DELTA
from analysis.fits.joint import (
    fit_joint,
    fit_joint_draws,
    fit_joint_values,
    joint_count_draws,
    joint_shape,
    joint_value_draws,
)
from analysis.fits.joint_laws import AdditiveLaw, EffectiveLaw
from analysis.fits.optimum import search
from analysis.fits.solving import value_losses

POSITIVES, NEGATIVES = (
    grid.ravel().astype(float) for grid in np.meshgrid([100, 200, 400, 800, 1600], [0, 100, 400, 1600])
)
TESTED = np.full(20, 2000)
SOME = NEGATIVES > 0


def drawn(law, seed=0, size=None):
    rates = law.predict(POSITIVES, NEGATIVES)
    return np.random.default_rng(seed).binomial(TESTED, rates, size=size)


@pytest.mark.parametrize("kappa", [-0.04, 0.0, 0.3, 8.0])
@pytest.mark.parametrize("floor", [0.0, 0.05])
def test_planted_exchange_rates_are_recovered(kappa, floor):
    law = EffectiveLaw(floor, 4, 0.5, kappa)
    tested = np.full(20, 10**6)
    wrong = law.predict(POSITIVES, NEGATIVES) * tested
    fit = fit_joint("effective", POSITIVES, NEGATIVES, wrong, tested, floor=floor > 0)
    assert list(fit.parameters) == ["floor", "amplitude", "exponent", "kappa"]
    assert fit.parameters == pytest.approx(vars(law), rel=1e-5, abs=1e-6)
    assert not fit.bounded and (fit.positives, fit.negatives) == ((100, 1600), (0, 1600))
    assert fit.predict(300, 50) == pytest.approx(law.predict(300, 50), rel=1e-6)


def test_planted_additive_laws_are_recovered():
    law = AdditiveLaw(0.05, 3, 0.5, 1, 0.4)
    tested = np.full(15, 10**6)
    wrong = law.predict(POSITIVES, NEGATIVES + 100)[SOME] * tested
    fit = fit_joint("additive", POSITIVES[SOME], NEGATIVES[SOME] + 100, wrong, tested, floor=True)
    assert fit.parameters == pytest.approx(vars(law), rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_scipy_finds_no_likelier_law(seed):
    wrong = drawn(EffectiveLaw(0.03, 4, 0.5, 0.3), seed)
    for law, floor in (("effective", False), ("effective", True), ("additive", True)):
        keep = SOME if law == "additive" else np.ones(20, dtype=bool)
        p, m, k, t = POSITIVES[keep], NEGATIVES[keep], wrong[keep], TESTED[keep]
        fit = fit_joint(law, p, m, k, t, floor)

        def loss(at, law=law, floor=floor, p=p, m=m, k=k, t=t):
            kind, free = (EffectiveLaw, 4) if law == "effective" else (AdditiveLaw, 5)
            values = [math.exp(at[0]) if floor else 0.0, math.exp(at[1]), at[2], *at[3:free]]
            if law == "additive":
                values[3] = math.exp(values[3])
            rates = kind(*values).predict(p, m)
            if not np.all((rates > 0) & (rates < 1)):
                return 1e9
            return -float(np.sum(k * np.log(rates) + (t - k) * np.log1p(-rates)))

        start = [-3.0, 1.4, 0.5, 0.3] if law == "effective" else [-3.0, 1.4, 0.5, -1.0, 0.3]
        options = {"maxfev": 30000, "maxiter": 30000, "fatol": 1e-9, "adaptive": True}
        result = minimize(loss, start, method="Nelder-Mead", options=options)
        assert -fit.log_likelihood <= result.fun + 1e-6, law
        assert -fit.log_likelihood >= result.fun - 0.5, law


@pytest.mark.parametrize("seed", range(5))
def test_every_start_of_the_additive_law_ends_at_the_best(seed):
    """Exponents about 0.35, x from 1e7 to 1e12, 2 % noise: where loose tolerances and mean losses are known to fail."""
    rng = np.random.default_rng(seed)
    first, second = np.exp(rng.uniform(np.log(1e7), np.log(1e12), (2, 240)))
    law = AdditiveLaw(1.7, 400, rng.uniform(0.3, 0.4), 400, rng.uniform(0.3, 0.4))
    values = law.predict(first, second) * np.exp(rng.normal(0, 0.02, 240))
    level = float(np.log(values).mean())
    shape = joint_shape("additive", first, second, floor=True)
    result = search(shape, value_losses(values[None], level, HUBER_DELTA))
    assert len(result.values) >= 9
    assert np.all(result.values <= 1.001 * result.values.min())

    def huber(at):
        e, a, exponent, b, other = at
        logs = np.logaddexp(np.logaddexp(e, a - exponent * np.log(first)), b - other * np.log(second))
        size = np.abs(np.log(values) - logs)
        return float(np.where(size <= HUBER_DELTA, size**2 / (2 * HUBER_DELTA), size - HUBER_DELTA / 2).sum())

    # scipy, from the truth, on the objective as it is written.
    start = [math.log(1.7), math.log(400), law.exponent, math.log(400), law.negative_exponent]
    near = minimize(huber, start, method="Nelder-Mead", options={"maxfev": 20000, "maxiter": 20000, "adaptive": True})
    best = HUBER_DELTA * near.fun
    assert result.values.min() <= best * (1 + 1e-9) and result.values.min() >= best * 0.97
    fit = fit_joint_values("additive", first, second, values)
    assert (fit.law.exponent, fit.law.negative_exponent) == pytest.approx(
        (law.exponent, law.negative_exponent), abs=0.04
    )


def test_noiseless_values_over_five_decades():
    rng = np.random.default_rng(0)
    first, second = np.exp(rng.uniform(np.log(1e7), np.log(1e12), (2, 50)))
    for law in (AdditiveLaw(1.7, 400, 0.34, 300, 0.28), EffectiveLaw(1.7, 400, 0.34, 0.2)):
        name = "additive" if isinstance(law, AdditiveLaw) else "effective"
        fit = fit_joint_values(name, first, second, law.predict(first, second))
        assert fit.parameters == pytest.approx(vars(law), rel=1e-5)


@settings(max_examples=10)
@given(seed=st.integers(0, 99), on_p=st.floats(-4, 4), on_m=st.floats(-4, 4))
def test_rescaling_moves_kappa_by_the_ratio_of_the_units(seed, on_p, on_m):
    wrong = drawn(EffectiveLaw(0, 4, 0.5, 0.3), seed)
    p, m = 10**on_p, 10**on_m
    before, after = (
        fit_joint("effective", a * POSITIVES, b * NEGATIVES, wrong, TESTED).law for a, b in ((1, 1), (p, m))
    )
    assert after.exponent == pytest.approx(before.exponent, abs=1e-6)
    assert after.kappa * m / p == pytest.approx(before.kappa, rel=1e-5)


def test_a_negative_that_hurts_is_a_finding():
    law = EffectiveLaw(0, 4, 0.5, -0.04)
    fit = fit_joint("effective", POSITIVES, NEGATIVES, drawn(law), TESTED)
    draws = fit_joint_draws("effective", POSITIVES, NEGATIVES, drawn(law, 1, (200, 20)) / 2000, TESTED)
    assert fit.law.kappa == pytest.approx(-0.04, abs=0.01) and not fit.bounded
    assert np.quantile(draws[:, 3], 0.975) < 0
    assert np.all(POSITIVES + draws[:, 3:] * NEGATIVES > 0)


@pytest.mark.parametrize("floor", [False, True])
def test_draws_are_fitted_independently(floor):
    errors = drawn(EffectiveLaw(0.03, 4, 0.5, 0.3), size=(12, 20)) / 2000
    together = fit_joint_draws("effective", POSITIVES, NEGATIVES, errors, TESTED, floor)
    alone = [fit_joint("effective", POSITIVES, NEGATIVES, row * TESTED, TESTED, floor) for row in errors]
    assert together == pytest.approx(np.array([list(fit.parameters.values()) for fit in alone]), rel=1e-3, abs=1e-5)
    assert together.shape == (12, 4) and (floor or np.all(together[:, 0] == 0))
    apart = fit_joint_draws("additive", POSITIVES[SOME], NEGATIVES[SOME], errors[:, SOME], TESTED[SOME], floor)
    assert apart.shape == (12, 5)


def test_draws_with_errors_at_few_points_or_none():
    errors = np.zeros((3, 20))
    errors[1, 0], errors[2] = 0.1, 1.0
    parameters = fit_joint_draws("effective", POSITIVES, NEGATIVES, errors, TESTED)
    assert np.all(np.isfinite(parameters))
    rates = [EffectiveLaw(*map(float, row)).predict(POSITIVES, NEGATIVES) for row in parameters]
    assert rates[0].max() < 0.01 and rates[2].min() > 0.99


def test_intervals_by_covariance_and_by_samples_agree():
    wrong = drawn(EffectiveLaw(0.03, 4, 0.5, 0.3))
    fit = fit_joint("effective", POSITIVES, NEGATIVES, wrong, TESTED)
    draws = joint_count_draws("effective", POSITIVES, NEGATIVES, wrong, TESTED, draws=1000)
    assert np.sqrt(np.diag(fit.covariance))[2:] == pytest.approx(draws.std(axis=0)[2:], rel=0.2)
    values = EffectiveLaw(0.03, 4, 0.5, 0.3).predict(POSITIVES, NEGATIVES)
    held = []
    for seed in range(15):
        noisy = values * np.exp(np.random.default_rng(seed).normal(0, 0.02, 20))
        parameters = joint_value_draws("effective", POSITIVES, NEGATIVES, noisy, draws=100)
        low, high = np.quantile(parameters, [0.025, 0.975], axis=0)
        held.append((low <= [0.03, 4, 0.5, 0.3]) & (high >= [0.03, 4, 0.5, 0.3]))
    assert np.all(np.mean(held, axis=0) >= 0.8)  # 95 %, less two and a half standard errors


@pytest.mark.parametrize(
    ("law", "positives", "negatives", "message"),
    [
        ("additive", [1, 2, 3, 4, 5], [0, 1, 2, 3, 4], "is infinite at 0 negatives"),
        ("effective", [1, 2, 3, 4, 5], [2, 4, 6, 8, 10], "kappa is not identified"),
        ("effective", [1, 2, 3, 4, 5], [0, 0, 0, 0, 0], "kappa is not identified"),
        ("effective", [1, 2, 3, 4, 5], [0, -1, 2, 3, 4], "at least 0"),
        ("effective", [1, 1, 2, 2, 2], [0, 0, 1, 1, 1], "3 parameters and needs as many points or more, not 2"),
        ("additive", [1, 1, 1, 1, 1], [1, 2, 3, 4, 5], "two sizes or more"),
        ("other", [1, 2, 3, 4, 5], [1, 2, 3, 4, 4], "unknown law 'other'"),
    ],
)
def test_invalid_data_are_refused(law, positives, negatives, message):
    with pytest.raises(ValueError, match=message):
        fit_joint(law, positives, negatives, [5, 4, 3, 2, 1], [10] * 5)
