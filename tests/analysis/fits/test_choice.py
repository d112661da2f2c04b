from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.fits.choice import choose_for_counts, choose_for_values, quasi_aicc
from analysis.fits.counts import fit_counts
from analysis.fits.laws import FloorLaw, PowerLaw, RectifiedLaw, TurningLaw

SIZES = 100.0 * 2 ** np.arange(9)
TESTED = np.full(9, 5000)


def noisy(law, seed=0, spread=0.01):
    return law.predict(SIZES) * np.exp(np.random.default_rng(seed).normal(0, spread, 9))


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("power", PowerLaw(3, 0.4)),
        ("floor", FloorLaw(0.1, 5, 0.6)),
        ("rectified", RectifiedLaw(0.05, 200, 300, 0.9)),
        ("turning", TurningLaw(5, 0.6, 0.002, 0.5)),
    ],
)
def test_the_planted_law_is_chosen(name, law):
    assert choose_for_values(SIZES, noisy(law)).best.law == name
    wrong = np.random.default_rng(0).binomial(10 * TESTED, law.predict(SIZES))
    choice = choose_for_counts(SIZES, wrong, 10 * TESTED)
    assert choice.best.law == name
    assert [one.aicc for one in choice.candidates] == sorted(one.aicc for one in choice.candidates)


def test_sizes_left_out_are_predicted_by_fits_without_them():
    values = noisy(FloorLaw(0.1, 5, 0.6))
    choice = choose_for_values(SIZES, values, delta=math.inf)
    (power,) = (one for one in choice.candidates if one.law == "power")
    slope, intercept = np.polyfit(np.log(SIZES[:-2]), np.log(values[:-2]), 1)
    errors = intercept + slope * np.log(SIZES[-2:]) - np.log(values[-2:])
    assert power.left_out[1] == pytest.approx(math.sqrt(np.mean(errors**2)))
    assert choice.baseline == pytest.approx(
        [abs(math.log(values[-2] / values[-1])), math.sqrt(np.mean(np.log(values[-3] / values[-2:]) ** 2))]
    )
    assert choice.best_left_out(0).law in ("floor", "rectified", "turning")


def test_nothing_is_best_where_no_law_beats_the_last_value():
    values = np.array([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3])
    choice = choose_for_values(SIZES, values)
    assert choice.baseline == (0, 0) and choice.best_left_out(0) is None and choice.best_left_out(1) is None


def test_seeds_of_one_size_are_left_out_together():
    sizes = np.repeat(SIZES, 3)
    wrong = np.random.default_rng(1).binomial(1000, PowerLaw(3, 0.4).predict(sizes))
    choice = choose_for_counts(sizes, wrong, np.full(27, 1000))
    (power,) = (one for one in choice.candidates if one.law == "power")
    retained = fit_counts("power", sizes[:-3], wrong[:-3], np.full(24, 1000))
    errors = np.log(retained.predict(sizes[-3:])) - np.log((wrong[-3:] + 0.5) / 1001)
    assert power.left_out[0] == pytest.approx(math.sqrt(np.mean(errors**2)))


def test_over_dispersion_divides_the_likelihood():
    rng = np.random.default_rng(0)
    sizes = np.repeat(SIZES, 3)
    wrong = rng.binomial(5000, PowerLaw(3, 0.4).predict(sizes) * rng.lognormal(0, 0.2, 27))
    choice = choose_for_counts(sizes, wrong, np.full(27, 5000))
    assert choice.dispersion > 3
    one = choice.best
    k = one.fit.free + 1
    expected = -2 * one.fit.log_likelihood / choice.dispersion + 2 * k + 2 * k * (k + 1) / (27 - k - 1)
    assert one.aicc == pytest.approx(expected) == pytest.approx(quasi_aicc(one.fit, choice.dispersion))


def test_few_sizes_leave_out_the_laws_they_cannot_tell():
    choice = choose_for_values(SIZES[:3], [0.5, 0.3, 0.25])
    assert [one.law for one in choice.candidates] == ["power", "floor"]
    assert set(choice.unfitted) == {"rectified", "turning"} and "needs as many sizes" in choice.unfitted["turning"]
    assert choice.best.left_out[0] is not None and choice.best.left_out[1] is None
    with pytest.raises(ValueError, match="not 1"):
        choose_for_values([1, 1], [2, 3])
