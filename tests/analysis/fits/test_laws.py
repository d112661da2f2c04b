from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.fits.joint_laws import AdditiveLaw, EffectiveLaw
from analysis.fits.laws import FloorLaw, PowerLaw, RectifiedLaw, TurningLaw

SIZES = np.array([[1e1, 1e4], [1e7, 1e12]])
FALLING = [PowerLaw(5, 0.5), FloorLaw(0.02, 5, 0.5), RectifiedLaw(0.02, 90, 30, 0.8), TurningLaw(5, 0.5, 1e-9, 0.3)]


def test_predictions_by_hand():
    assert FloorLaw(0.1, 5, 0.5).predict(100) == pytest.approx(0.6)
    assert RectifiedLaw(0.1, 90, 20, 0.5).predict([100, 400]) == pytest.approx([0.1 + 90 / 30, 0.1 + 90 / 40])
    assert TurningLaw(5, 0.5, 0.01, 1).predict(100) == pytest.approx(0.5 + 1)
    assert EffectiveLaw(0.1, 5, 0.5, 0.25).predict([75, 100], [100, 0]) == pytest.approx([0.6, 0.6])
    assert AdditiveLaw(0.1, 5, 0.5, 4, 1).predict(100, [2, 4]) == pytest.approx([2.6, 1.6])


def test_terms_that_are_nothing_are_left_out():
    assert FloorLaw(0.1, 0, 0.5).predict(SIZES) == pytest.approx(0.1)
    assert RectifiedLaw(0.1, 5, 0, 0.5).predict(SIZES) == pytest.approx(FloorLaw(0.1, 5, 0.5).predict(SIZES))
    assert TurningLaw(5, 0.5, 0, 1).predict(SIZES) == pytest.approx(PowerLaw(5, 0.5).predict(SIZES))
    assert TurningLaw(5, 0.5, 0.1, 0).predict(SIZES) == pytest.approx(FloorLaw(0.1, 5, 0.5).predict(SIZES))
    assert AdditiveLaw(0, 5, 0.5, 1, 1).predict(100, 0) == np.inf
    assert math.isnan(EffectiveLaw(0, 5, 0.5, -1).predict(100, 200))


@pytest.mark.parametrize("law", FALLING, ids=lambda law: type(law).__name__)
def test_inverse_of_every_law(law):
    sizes = np.array([[20.0, 300], [4e3, 5e5]])
    assert law.predict(sizes).shape == sizes.shape
    assert law.invert(law.predict(sizes)) == pytest.approx(sizes, rel=1e-9)
    assert law.invert(float(law.predict(777.0))) == pytest.approx(777, rel=1e-9)
    assert law.invert(0.0) == np.inf


def test_no_amount_of_data_reaches_below_the_floor():
    assert FloorLaw(0.1, 5, 0.5).invert([0.1, 0.05, 0.6]) == pytest.approx([np.inf, np.inf, 100])
    # Above what no data at all would give, 0.1 + 90 / 30, the size is 0.
    assert RectifiedLaw(0.1, 90, 30, 0.8).invert([0.1, 3.1, 5]) == pytest.approx([np.inf, 0, 0])


def test_the_turning_law_turns():
    law = TurningLaw(2, 0.5, 0.001, 0.5)
    assert law.turning_point == pytest.approx(2000)  # where both terms are equal, as the exponents are
    around = law.turning_point * np.array([0.9, 1, 1.1])
    assert law.predict(around).argmin() == 1
    least = float(law.predict(law.turning_point))
    assert law.invert(least * 0.999) == np.inf
    assert law.invert(law.predict([3.0, 1999, 4e4])) == pytest.approx([3, 1999, 100], rel=1e-6)  # the smaller of two
    assert law.invert(least) == pytest.approx(2000, rel=1e-3)
    assert TurningLaw(2, 0.5, 0, 0.5).turning_point == np.inf and TurningLaw(0, 0.5, 1, 0.5).turning_point == 0


def test_the_turning_law_is_a_broken_neural_scaling_law():
    law = TurningLaw(3, 0.4, 0.002, 0.3)
    # arXiv 2210.14891, one break: a + b x^-c0 (1 + (x / d)^(1 / f))^(-c1 f)
    a, b, c0, c1, f = 0, 3, 0.4, -0.7, 1 / 0.7
    d = (3 / 0.002) ** (1 / 0.7)
    expected = a + b * SIZES**-c0 * (1 + (SIZES / d) ** (1 / f)) ** (-c1 * f)
    assert law.predict(SIZES) == pytest.approx(expected, rel=1e-12)


@given(exponent=st.floats(0.01, 3), size=st.floats(1, 1e12), error=st.floats(1e-4, 10))
def test_inverse_over_all_scales(exponent, size, error):
    for law in (
        PowerLaw(error * size**exponent, exponent),
        FloorLaw(0.5 * error, 0.5 * error * size**exponent, exponent),
    ):
        assert law.predict(size) == pytest.approx(error, rel=1e-9)
        assert law.invert(error) == pytest.approx(size, rel=1e-6)


@pytest.mark.parametrize(
    "law", [PowerLaw(1, 0), FloorLaw(0.1, 0, 1), FloorLaw(0, 1, -1), RectifiedLaw(0.1, 0, 1, 1), TurningLaw(0, 1, 1, 1)]
)
def test_a_law_that_does_not_fall_has_no_inverse(law):
    with pytest.raises(ValueError, match="does not fall"):
        law.invert(0.2)
