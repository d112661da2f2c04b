from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import make_smoothing_spline

from analysis.fits.derived import derived, derived_draws, exponent_at
from analysis.fits.laws import FloorLaw, PowerLaw, RectifiedLaw, TurningLaw
from analysis.fits.prediction import LAST, PREDICTORS, RECENT, SPLINE, predict_counts, predict_values
from analysis.fits.spline import smoothing_spline

SIZES = 100.0 * 2 ** np.arange(8)
LATER = SIZES[-1] * np.array([2.0, 8.0])


def noisy(law, seed=0, noise=0.02):
    return law.predict(SIZES) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(SIZES)))


def test_a_power_law_is_continued():
    law = PowerLaw(5, 0.4)
    result = predict_values(SIZES, noisy(law), LATER, draws=200)
    assert set(result.weights) == set(result.single) == {LAST, RECENT, SPLINE, *PREDICTORS}
    assert sum(result.weights.values()) == pytest.approx(1)
    assert result.weights[LAST] < 0.2
    assert np.abs(np.log(result.centre / law.predict(LATER))).max() < 0.15
    assert np.all((result.low < law.predict(LATER)) & (law.predict(LATER) < result.high))
    assert np.all(result.low < result.median) and np.all(result.median < result.high)
    widths = np.log(result.high / result.low)
    assert widths[1] > widths[0]  # farther is less certain


def test_on_a_plateau_the_prediction_is_nearer_than_a_power_law():
    law = FloorLaw(0.2, 400, 1.4)
    result = predict_values(SIZES, noisy(law, 1), LATER, draws=200)
    stacked = np.abs(np.log(result.centre / law.predict(LATER))).max()
    power = np.abs(np.log(result.single["power"] / law.predict(LATER))).max()
    assert stacked < 0.2 < power
    assert result.weights["power"] < 0.1


def test_units_of_sizes_and_of_values_do_not_matter():
    law = RectifiedLaw(0.05, 300, 400, 0.9)
    values = noisy(law, 2)
    one = predict_values(SIZES, values, LATER, draws=100)
    other = predict_values(1e6 * SIZES, 30 * values, 1e6 * LATER, draws=100)
    assert other.centre == pytest.approx(30 * one.centre, rel=1e-2)
    assert other.low == pytest.approx(30 * one.low, rel=0.15)  # a quantile of 100 draws, each of an optimiser


def test_the_order_of_points_does_not_matter_and_seeds_may_repeat_a_size():
    law = PowerLaw(5, 0.4)
    sizes = np.repeat(SIZES, 3)
    values = law.predict(sizes) * np.exp(0.05 * np.random.default_rng(3).standard_normal(24))
    order = np.random.default_rng(4).permutation(24)
    one = predict_values(sizes, values, LATER, draws=100)
    other = predict_values(sizes[order], values[order], LATER, draws=100)
    assert np.log(other.centre) == pytest.approx(np.log(one.centre), abs=0.05)


def test_few_test_problems_widen_the_prediction_of_counts():
    rates = PowerLaw(5, 0.5).predict(SIZES)
    many, few = (predict_counts(SIZES, np.rint(rates * t), [t] * 8, LATER, draws=300) for t in (10**6, 200))
    assert np.all(np.log(few.high / few.low) > 1.5 * np.log(many.high / many.low))
    assert np.all(few.high <= 1)
    rare = predict_counts(SIZES, [50, 20, 9, 4, 2, 1, 0, 0], [100] * 8, LATER, draws=100)
    assert np.all(np.isfinite(np.log(rare.centre)))


@pytest.mark.parametrize("ratio", [1e-3, 1.0, 1e3])
def test_the_spline_is_the_one_of_scipy(ratio):
    x = np.log(SIZES / SIZES[0])
    y = np.sin(x) + 0.1 * np.random.default_rng(5).standard_normal(len(x))
    at = x[-1] + np.array([0.5, 2.0])
    expected = make_smoothing_spline(x, y, lam=1 / ratio)
    slope = float(expected.derivative()(x[-1]))  # a natural spline goes on as a line
    ours = smoothing_spline(x, y, np.array([x[2], x[-1], *at]), ratio)
    line = expected(x[-1]) + slope * (at - x[-1])
    assert ours.centre == pytest.approx(np.concatenate([expected(x[[2, -1]]), line]), rel=1e-6)


def test_the_error_of_the_spline_of_a_line_is_that_of_regression_and_a_curve_that_bends_is_less_certain():
    x, at = np.arange(6.0), np.array([7.0])
    noise = np.array([1.0, -2.0, 1.0, 1.0, -2.0, 1.0])
    stiff = smoothing_spline(x, 3 - 2 * x + noise, at, 1e-12)
    fitted = np.polynomial.Polynomial.fit(x, 3 - 2 * x + noise, 1)
    variance = ((3 - 2 * x + noise - fitted(x)) ** 2).sum() / 4
    assert stiff.centre == pytest.approx(fitted(at), rel=1e-6)
    assert stiff.covariance[0, 0] == pytest.approx(variance * (1 / 6 + (7 - 2.5) ** 2 / 17.5), rel=1e-6)
    exact = smoothing_spline(x, 3 - 2 * x, at, 1.0)
    assert exact.centre == pytest.approx([-11.0]) and exact.covariance[0, 0] < 1e-20
    bent = x**2
    assert smoothing_spline(x, bent, at, 100.0).log_likelihood > smoothing_spline(x, bent, at, 1e-3).log_likelihood


def test_a_curve_that_turns_is_held_by_its_interval():
    law = TurningLaw(8.0, 0.6, 0.004, 0.35)
    values = law.predict(SIZES)
    assert values[-1] < values[0] and law.predict(LATER)[-1] > values[-1]  # the rise is still to come
    result = predict_values(SIZES, noisy(law, 6), LATER, draws=400)
    assert np.all((result.low < law.predict(LATER)) & (law.predict(LATER) < result.high))


@pytest.mark.parametrize(
    ("sizes", "values", "at", "message"),
    [
        ([1, 2, 3], [3, 2, 1], [4], "needs 4 sizes or more, not 3"),
        ([1, 2, 3, 4], [3, 2, 1, 0.5], [-4], "sizes to predict must be positive"),
        ([1, 2, 3, 4], [3, 2, 1, 0], [8], "must be positive and finite"),
    ],
)
def test_data_that_cannot_be_predicted_are_refused(sizes, values, at, message):
    with pytest.raises(ValueError, match=message):
        predict_values(sizes, values, at)


def test_derived_quantities_of_a_power_law_are_its_own():
    law = PowerLaw(4, 0.5)
    numbers = derived(law, 100, 1600)
    assert numbers == pytest.approx(
        {
            "exponent at N = 100": 0.5,
            "exponent at N = 1600": 0.5,
            "value at N = 1600": 0.1,
            "N of half the value at 100": 400,
        }
    )
    assert exponent_at(FloorLaw(0.1, 4, 0.5), 1600) == pytest.approx(0.25)  # half of the error is floor
    drawn = derived_draws(PowerLaw, np.array([[4, 0.5], [4, -0.5]]), 100, 1600)
    assert drawn[0] == pytest.approx(list(numbers.values()))
    assert np.isnan(drawn[1, -1])  # a law that rises halves nowhere
