from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, minimize

from analysis.defaults import HUBER_DELTA
from analysis.fits.laws import FloorLaw, PowerLaw, RectifiedLaw, TurningLaw
from analysis.fits.shapes import Shape
from analysis.fits.size_laws import AUTO_LAWS, LAWS, size_shape
from analysis.fits.solving import left_out_residuals, refit_values, resample_values, solve_values
from analysis.fits.values import fit_values, value_draws
from benchmarks.fits import RECTIFIED, VANILLA, Vanilla, brute_force, curves, fit_all, grids

SHARED = Path(__file__).parents[4] / "shared"
SIZES = np.array([100.0, 200, 400, 800, 1600, 3200, 6400])
PLANTED = {
    "power": PowerLaw(3, 0.4),
    "floor": FloorLaw(0.1, 5, 0.6),
    "rectified": RectifiedLaw(0.05, 90, 60, 0.9),
    "turning": TurningLaw(5, 0.6, 0.002, 0.4),
}


@pytest.fixture(scope="module")
def flan():
    if not SHARED.is_dir():
        pytest.skip("needs ../shared beside the checkout")
    return curves(SHARED / "data/scaling/rectified_flan.csv")


def noisy(law, seed=0, spread=0.02, sizes=SIZES):
    return law.predict(sizes) * np.exp(np.random.default_rng(seed).normal(0, spread, len(sizes)))


def mean_rmsd(shape, losses, delta):
    return np.mean([rmsd for _, rmsd in fit_all(shape, losses, delta)])


def test_flan_is_fitted_as_well_as_published(flan):
    sizes, losses = flan
    assert sizes.tolist() == [200 * 2**i for i in range(14)] and len(losses) == 30
    assert mean_rmsd(size_shape("power", sizes), losses, math.inf) <= VANILLA
    assert mean_rmsd(size_shape("rectified", sizes), losses, math.inf) <= RECTIFIED


def test_the_vanilla_law_and_loss_of_the_paper(flan):
    sizes, losses = flan
    assert mean_rmsd(Shape(Vanilla(sizes, positive=False)), losses[::6], HUBER_DELTA) <= VANILLA
    # With the exponents above 0, as the law is meant, it can do no better on these curves than a power law.
    power = [one.values.min() for one, _ in fit_all(size_shape("power", sizes), losses[::6], HUBER_DELTA)]
    vanilla = [one.values.min() for one, _ in fit_all(Shape(Vanilla(sizes, positive=True)), losses[::6], HUBER_DELTA)]
    assert vanilla == pytest.approx(power, rel=1e-3)


@pytest.mark.parametrize("law", ["floor", "rectified"])
@pytest.mark.parametrize("delta", [HUBER_DELTA, math.inf])
def test_the_best_of_a_grid_of_starts_is_found_on_flan(flan, law, delta):
    sizes, losses = flan
    some = losses[[0, 6, 20]]  # 6: Huber's loss has two minima, 2 % apart
    plain, starts = grids(sizes, losses)[law]
    for (result, _), values in zip(fit_all(size_shape(law, sizes), some, delta), some, strict=True):
        best = brute_force(plain, starts[::3], np.log(values), delta)
        assert result.values.min() <= best * (1 + 1e-9)
        assert result.values.min() >= best * (1 - 0.05)  # the same minimum: scipy stops short of Huber's kinks
        assert np.mean(result.values <= 1.001 * result.values.min()) > 0.3
        if math.isinf(delta):
            assert result.values.max() <= 1.001 * result.values.min()


@settings(max_examples=20)
@given(
    first=st.floats(1, 5),
    decades=st.floats(3, 7),
    change=st.floats(1.5, 6),
    top=st.floats(-2.5, 1),
    share=st.floats(0.05, 0.7),
    bend=st.floats(0.25, 0.65),
    robust=st.booleans(),
)
def test_planted_parameters_are_recovered_over_all_scales(first, decades, change, top, share, bend, robust):
    """N from 1e1 to 1e12, errors from 1e-4 to 10, to 4 digits and far more."""
    delta = HUBER_DELTA if robust else math.inf
    spread = decades * math.log(10)
    sizes = 10 ** np.linspace(first, first + decades, 12)
    level, exponent = 10**top, change / spread
    amplitude = level * sizes[0] ** exponent
    steeper = 1.5 * exponent
    prelearned = sizes[0] ** steeper * math.exp(bend * spread * steeper)
    for name, law in {
        "power": PowerLaw(amplitude, exponent),
        "floor": FloorLaw(share * level, amplitude, exponent),
        "rectified": RectifiedLaw(share * level, level * (prelearned + sizes[0] ** steeper), prelearned, steeper),
        "turning": TurningLaw(amplitude, exponent, share * level * sizes[-1] ** -(0.5 * exponent), 0.5 * exponent),
    }.items():
        fit = fit_values(name, sizes, law.predict(sizes), delta)
        assert fit.parameters == pytest.approx(vars(law), rel=1e-5), name
        assert fit.predict(sizes) == pytest.approx(law.predict(sizes), rel=1e-9)


@pytest.mark.parametrize("delta", [HUBER_DELTA, 0.02, math.inf])
@pytest.mark.parametrize("law", AUTO_LAWS)
def test_scipy_finds_nothing_better(law, delta):
    values = noisy(PLANTED[law])
    fit = fit_values(law, SIZES, values, delta)
    assert np.allclose(fit.residuals, np.log(values / fit.predict(SIZES)), atol=1e-12)

    def loss(residuals):
        size = np.abs(residuals)
        if math.isinf(delta):
            return float((size**2 / 2).sum())
        return float(np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).sum())

    def residuals(parameters):  # positive parameters by their logs
        return np.log(LAWS[law][0](*np.exp(parameters)).predict(SIZES) / values)

    ours = loss(np.array(fit.residuals))
    start = np.log(list(vars(PLANTED[law]).values()))
    near = least_squares(residuals, start, x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    theirs = loss(near.fun)
    if math.isfinite(delta):
        options = {"maxfev": 20000, "maxiter": 20000, "xatol": 1e-10, "fatol": 1e-16}
        polished = minimize(lambda at: loss(residuals(at)) / delta, near.x, method="Nelder-Mead", options=options)
        theirs = delta * polished.fun
    assert ours <= theirs * (1 + 1e-9)
    if law != "turning":  # whose valley is too flat for a simplex
        assert ours >= theirs * (1 - 1e-2)


def test_a_power_law_by_squares_is_linear_regression_of_logs():
    values = noisy(PLANTED["power"])
    fit = fit_values("power", SIZES, values, math.inf)
    (slope, intercept), covariance = np.polyfit(np.log(SIZES), np.log(values), 1, cov=True)
    assert fit.law.exponent == pytest.approx(-slope, rel=1e-10)
    assert math.log(fit.law.amplitude) == pytest.approx(intercept, rel=1e-10)
    flipped = covariance[::-1, ::-1] * [[1, -1], [-1, 1]]
    assert np.array(fit.covariance) == pytest.approx(flipped, rel=1e-5)
    # AICc of a regression with normal errors, its variance counted.
    rss, n, k = float(np.sum(np.square(fit.residuals))), 7, 3
    expected = n * math.log(2 * math.pi * rss / n) + n + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    assert fit.aicc == pytest.approx(expected)
    assert (fit.smallest, fit.largest, fit.bounded) == (100, 6400, False)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 50),
    on_size=st.floats(-6, 6),
    on_error=st.floats(-4, 4),
    law=st.sampled_from(["power", "floor"]),
)
def test_rescaling_moves_the_amplitude_and_leaves_the_exponent(seed, on_size, on_error, law):
    values = noisy(PLANTED[law], seed)
    a, b = 10**on_size, 10**on_error
    law_before, law_after = (fit_values(law, n, y).law for n, y in ((SIZES, values), (a * SIZES, b * values)))
    assert law_after.exponent == pytest.approx(law_before.exponent, abs=1e-6)
    expected = math.log(law_before.amplitude * b) + law_before.exponent * math.log(a)
    assert math.log(law_after.amplitude) == pytest.approx(expected, abs=1e-5)
    if law == "floor":
        assert law_after.floor == pytest.approx(b * law_before.floor, rel=1e-6, abs=1e-9 * b)


def test_outliers_move_a_robust_fit_little():
    values = PLANTED["power"].predict(SIZES)
    values[3] *= 2
    robust, squares = (fit_values("power", SIZES, values, delta).law.exponent for delta in (HUBER_DELTA, math.inf))
    assert robust == pytest.approx(0.4, abs=1e-3) and values[3] == pytest.approx(2 * PLANTED["power"].predict(800))
    assert fit_values("power", SIZES[1:], values[1:], math.inf).law.exponent != pytest.approx(0.4, abs=1e-2)
    assert squares == pytest.approx(0.4, abs=1e-2)  # the outlier lies in the middle, so only the amplitude pays


def test_a_floor_of_nothing_is_exactly_zero():
    fit = fit_values("floor", SIZES, noisy(PowerLaw(3, 0.4), seed=3) * (SIZES / 800) ** (-0.05 * np.log(SIZES / 800)))
    assert fit.law.floor == 0.0
    assert fit.law.exponent == pytest.approx(fit_values("power", SIZES, fit.predict(SIZES)).law.exponent, abs=1e-6)


def test_laws_that_contain_another_fit_no_worse():
    for seed in range(5):
        values = noisy(PLANTED["floor"], seed)
        power, floor, rectified, turning = (
            fit_values(law, SIZES, values, math.inf).log_likelihood
            for law in ("power", "floor", "rectified", "turning")
        )
        assert power <= floor + 1e-9 and floor <= min(rectified, turning) + 1e-9


def test_draws_are_fits_from_every_start():
    values = noisy(PLANTED["floor"])
    for delta in (HUBER_DELTA, math.inf):
        drawn = value_draws("floor", SIZES, values, delta, draws=200, seed=1)
        assert drawn.shape == (200, 3)
        fit = fit_values("floor", SIZES, values, delta)
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        assert np.all(low <= list(fit.parameters.values())) and np.all(high >= list(fit.parameters.values()))
        assert np.array_equal(drawn, value_draws("floor", SIZES, values, delta, draws=200, seed=1))
    # Each draw is the best fit to what was drawn, as if it were alone.
    solution = solve_values(size_shape("floor", SIZES), values, HUBER_DELTA)
    sampled = resample_values(solution, HUBER_DELTA, 15, 1)
    alone = [list(fit_values("floor", SIZES, one).parameters.values()) for one in sampled]
    assert refit_values(solution, sampled, HUBER_DELTA) == pytest.approx(np.array(alone), rel=1e-3, abs=1e-6)


def test_intervals_of_draws_hold_the_truth():
    sizes = np.repeat(SIZES, 2)
    held = 0
    for seed in range(60):
        low, high = np.quantile(
            value_draws("power", sizes, noisy(PLANTED["power"], seed, sizes=sizes), draws=200)[:, 1], [0.025, 0.975]
        )
        held += low <= 0.4 <= high
    assert 52 <= held <= 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("power", [1, 2], [1, 2, 3]), "differ in shape"),
        (("power", [0, 2], [1, 2]), "positive and finite"),
        (("power", [1, 2], [1, math.nan]), "positive and finite"),
        (("power", [1, 2, 4], [3, 3, 3]), "all values are 3"),
        (("power", [2, 2], [1, 2]), "as many sizes or more, not 1"),
        (("rectified", [1, 2, 3], [3, 2, 1.5]), "4 parameters and needs as many sizes or more, not 3"),
        (("cubic", [1, 2, 3], [3, 2, 1.5]), "unknown law 'cubic'; there are power, floor"),
    ],
)
def test_invalid_data_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_values(*arguments)


def test_as_many_parameters_as_points_leave_no_draws():
    fit = fit_values("floor", SIZES[:3], [0.5, 0.4, 0.35])
    assert fit.predict(SIZES[:3]) == pytest.approx([0.5, 0.4, 0.35], rel=1e-9) and math.isinf(fit.aicc)
    with pytest.raises(ValueError, match="too few points for an interval: 3 for 3"):
        value_draws("floor", SIZES[:3], [0.5, 0.4, 0.35])


# -- intervals of few points --------------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [HUBER_DELTA, math.inf])
@pytest.mark.parametrize("points", [3, 4])
def test_intervals_of_one_or_two_spare_points_hold_the_truth(points, delta):
    sizes, truth = 100 * 2.0 ** np.arange(points), PowerLaw(4, 0.4)
    held = []
    for seed in range(60):
        values = truth.predict(sizes) * np.exp(np.random.default_rng(seed).normal(0, 0.05, points))
        low, high = np.quantile(value_draws("power", sizes, values, delta, 200, seed)[:, 1], [0.025, 0.975])
        held.append(low <= 0.4 <= high)
    assert np.mean(held) >= 0.88  # 95 %, less two and a half standard errors


def test_left_out_residuals_are_those_of_least_squares_divided_by_one_minus_the_leverage():
    sizes = np.array([100.0, 100, 200, 400, 900])
    values = PowerLaw(4, 0.4).predict(sizes) * np.exp(np.random.default_rng(0).normal(0, 0.05, 5))
    solution = solve_values(size_shape("power", sizes), values, math.inf)
    design = np.stack([np.ones(5), np.log(sizes)], axis=1)
    leverages = np.diag(design @ np.linalg.inv(design.T @ design) @ design.T)
    expected = np.array(solution.residuals) / (1 - leverages)
    assert left_out_residuals(solution, math.inf) == pytest.approx(expected, abs=1e-6)


def test_a_point_without_which_nothing_is_determined_has_the_spread_of_the_others():
    sizes, values = np.array([100.0, 100, 100, 400]), np.array([1.0, 1.1, 1.2, 0.5])
    solution = solve_values(size_shape("power", sizes), values, math.inf)
    residuals = left_out_residuals(solution, math.inf)
    assert residuals[3] == pytest.approx(np.sqrt(np.mean(residuals[:3] ** 2))) and residuals[3] > 0.05
    alone = solve_values(size_shape("power", np.array([1.0, 1, 2])), np.array([3.0, 3.3, 2]), math.inf)
    assert np.all(left_out_residuals(alone, math.inf) != 0)


@pytest.mark.parametrize("delta", [1e-300, 1e-9, 1e3, 1e160, 1e300, math.inf])
def test_any_delta_above_0_can_be_computed_with(delta):
    values = noisy(PLANTED["power"], 0)
    fit = fit_values("power", SIZES, values, delta)
    expected = fit_values("power", SIZES, values, math.inf if delta > 100 else 1e-9)
    assert vars(fit.law) == pytest.approx(vars(expected.law), rel=1e-6) and math.isfinite(fit.log_likelihood)
    assert np.isfinite(value_draws("power", SIZES, values, delta, draws=20)).all()
