"""Laws that are fitted by name alone: the sigmoid, broken laws, and joint laws other than two."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.defaults import HUBER_DELTA
from analysis.fits.broken_laws import BrokenFloorLaw, BrokenLaw, TwiceBrokenFloorLaw, TwiceBrokenLaw
from analysis.fits.choice import choose_for_values
from analysis.fits.counts import fit_counts
from analysis.fits.fit import parameters
from analysis.fits.joint import fit_joint, fit_joint_values, joint_shape
from analysis.fits.joint_laws import EffectiveLaw, MultiplicativeLaw, RepeatedLaw, SaturatingLaw
from analysis.fits.laws import PowerLaw, RectifiedLaw, SigmoidLaw
from analysis.fits.losses import HuberLoss
from analysis.fits.optimum import derivatives
from analysis.fits.size_laws import size_shape
from analysis.fits.values import fit_values, value_draws

SIZES = np.geomspace(100, 1e5, 16)
PLANTED = {
    "sigmoid": SigmoidLaw(0.05, 0.9, 3000, 1.3),
    "broken": BrokenLaw(3, 0.1, 2000, 0.6, 0.4),
    "broken-floor": BrokenFloorLaw(0.05, 1, 0.1, 2000, 1.2, 0.4),
    "twice-broken": TwiceBrokenLaw(3, 0.1, 600, 0.6, 0.3, 12000, -0.4, 0.3),
    "twice-broken-floor": TwiceBrokenFloorLaw(0.05, 3, 0.05, 600, 0.9, 0.3, 12000, -0.5, 0.3),
}
POSITIVES, EACH = (axis.ravel() for axis in np.meshgrid(100.0 * 2 ** np.arange(5), [0.25, 0.5, 1, 4, 16]))
NEGATIVES = EACH * POSITIVES
JOINT = {
    "multiplicative": MultiplicativeLaw(0.05, 4, 0.3, 0.2),
    "saturating": SaturatingLaw(0.05, 4, 0.4, 0.6, 3),
    "repeated": RepeatedLaw(0.05, 4, 0.4, 5),
}
SHAPES = {law: size_shape(law, SIZES) for law in PLANTED} | {
    law: joint_shape(law, POSITIVES, NEGATIVES, floor=True) for law in JOINT
}


@pytest.mark.parametrize("law", PLANTED)
def test_planted_laws_are_recovered_from_exact_values_and_counts(law):
    planted, tested = PLANTED[law], np.full(16, 10**7)
    loose = 1e-3 if law.startswith("twice") else 1e-5
    assert fit_values(law, SIZES, planted.predict(SIZES), math.inf).parameters == pytest.approx(vars(planted), rel=1e-6)
    rates = planted.predict(SIZES) / 3
    fit = fit_counts(law, SIZES, rates * tested, tested)
    scaled = vars(planted) | {
        name: vars(planted)[name] / 3 for name in ("floor", "amplitude", "asymptote", "start") if name in vars(planted)
    }
    assert fit.parameters == pytest.approx(scaled, rel=loose)
    assert not fit.bounded and fit.predict(SIZES) == pytest.approx(rates, rel=1e-6)


@pytest.mark.parametrize("law", JOINT)
@pytest.mark.parametrize("floor", [False, True])
def test_planted_joint_laws_are_recovered(law, floor):
    planted = type(JOINT[law])(**(vars(JOINT[law]) | ({} if floor else {"floor": 0.0})))
    fit = fit_joint_values(law, POSITIVES, NEGATIVES, planted.predict(POSITIVES, NEGATIVES), floor, HUBER_DELTA)
    assert fit.parameters == pytest.approx(vars(planted), rel=1e-6)
    tested = np.full(25, 10**7)
    fit = fit_joint(law, POSITIVES, NEGATIVES, planted.predict(POSITIVES, NEGATIVES) / 4 * tested, tested, floor)
    assert fit.predict(300, 70) == pytest.approx(planted.predict(300, 70) / 4, rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_derivatives_are_those_of_finite_differences(shape):
    count = len(shape.predict(shape.starts()[:1]).value[0])
    loss = HuberLoss(np.random.default_rng(0).normal(0, 0.3, (1, count)), math.inf)
    for start in shape.starts()[[0, -1]]:
        point = start * np.linspace(0.9, 1.1, len(start)) + 0.01
        _, slope, hessian, _ = derivatives(shape, loss, point[None])
        steps = np.diag(1e-5 * np.abs(point))
        for order, actual in ((0, slope[0]), (1, hessian[0])):
            ends = [
                [derivatives(shape, loss, (point + way * step)[None])[order][0] for way in (1, -1)] for step in steps
            ]
            expected = np.array([(up - down) / (2 * step.max()) for (up, down), step in zip(ends, steps, strict=True)])
            assert actual == pytest.approx(expected, rel=1e-4, abs=1e-6 * np.abs(actual).max())


def test_predictions_by_hand():
    assert SigmoidLaw(0.9, 0.1, 50, 2).predict([50, 100]) == pytest.approx([0.5, 0.1 + 0.8 / 1.25])
    broken = 3 * 8.0**-0.5 * (1 + (8 / 4) ** (1 / 0.5)) ** (-0.25 * 0.5)
    assert BrokenLaw(3, 0.5, 4, 0.25, 0.5).predict(8) == pytest.approx(broken)
    assert BrokenFloorLaw(0.2, 3, 0.5, 4, 0.25, 0.5).predict(8) == pytest.approx(0.2 + broken)
    twice = broken * (1 + 8 / 16) ** 0.1
    assert TwiceBrokenLaw(3, 0.5, 4, 0.25, 0.5, 16, -0.1, 1).predict(8) == pytest.approx(twice)
    assert MultiplicativeLaw(0.1, 5, 0.5, 1).predict(100, [2, 4]) == pytest.approx([0.35, 0.225])
    data = 100 + 0.5 * 100 * 2 * (1 - math.exp(-3 / 2))
    assert SaturatingLaw(0.1, 5, 0.5, 0.5, 2).predict(100, 300) == pytest.approx(0.1 + 5 / math.sqrt(data))
    assert RepeatedLaw(0, 5, 1, 1e9).predict(100, 300) == pytest.approx(5 / 400)  # nothing saturates
    assert math.isnan(SaturatingLaw(0, 5, 0.5, -2, 2).predict(100, 300))
    assert MultiplicativeLaw(0, 5, 1, 1).predict(100, 0) == np.inf


def test_the_sigmoid_is_the_rectified_law_in_other_letters():
    law = SigmoidLaw(0.05, 0.9, 3000, 4)
    values = law.predict(SIZES) * np.exp(0.02 * np.random.default_rng(0).standard_normal(16))
    sigmoid, rectified = (fit_values(name, SIZES, values, math.inf) for name in ("sigmoid", "rectified"))
    assert sigmoid.residuals == rectified.residuals and sigmoid.log_likelihood == rectified.log_likelihood
    one, other = sigmoid.law, rectified.law
    assert isinstance(one, SigmoidLaw) and isinstance(other, RectifiedLaw)
    prelearned = one.midpoint**one.exponent
    amplitude = (one.start - one.asymptote) * prelearned
    assert vars(other) == pytest.approx(
        vars(RectifiedLaw(one.asymptote, amplitude, prelearned, one.exponent)), rel=1e-9
    )
    assert value_draws("sigmoid", SIZES, values, math.inf, 50).shape == (50, 4)


@settings(max_examples=10)
@given(seed=st.integers(0, 99), midpoint=st.floats(300, 3e4), exponent=st.floats(0.6, 4))
def test_a_rising_sigmoid_of_accuracy_is_fitted_too(seed, midpoint, exponent):
    law = SigmoidLaw(0.8, 0.1, midpoint, exponent)
    assert fit_values("sigmoid", SIZES, law.predict(SIZES), math.inf).parameters == pytest.approx(vars(law), rel=1e-4)
    assert law.invert(law.predict(SIZES)) == pytest.approx(SIZES, rel=1e-6)
    assert law.invert([0.05, 0.85]) == pytest.approx([0, np.inf])
    error = SigmoidLaw(1 - 0.8, 1 - 0.1, midpoint, exponent)
    assert error.predict(SIZES) == pytest.approx(1 - law.predict(SIZES))
    noisy = law.predict(SIZES) * np.exp(0.01 * np.random.default_rng(seed).standard_normal(16))
    assert np.abs(fit_values("sigmoid", SIZES, noisy, math.inf).residuals).max() < 0.05


def test_inverse_of_a_broken_law():
    law = BrokenFloorLaw(0.05, 1, 0.1, 2000, 1.2, 0.4)
    assert law.invert(law.predict([[300, 2000], [1e4, 1e6]])) == pytest.approx(
        np.array([[300, 2000], [1e4, 1e6]]), rel=1e-6
    )
    assert law.invert(0.04) == np.inf and law.exponents() == pytest.approx((0.1, 1.3))
    turning = BrokenLaw(1, 0.5, 1000, -1, 0.3)
    least = float(turning.predict(SIZES).min())
    assert turning.invert(0.9 * least) == np.inf
    assert turning.invert(turning.predict(200)) == pytest.approx(200, rel=1e-6)  # the first of two
    with pytest.raises(ValueError, match="falls with N nowhere"):
        BrokenLaw(1, -0.5, 1000, -1, 0.3).invert(0.5)


def test_a_broken_law_without_a_change_is_a_power_law():
    assert BrokenLaw(3, 0.4, 1000, 0, 1).predict(SIZES) == pytest.approx(PowerLaw(3, 0.4).predict(SIZES))


def test_a_saturating_law_without_saturation_is_the_effective_one():
    values = EffectiveLaw(0.05, 4, 0.4, 0.3).predict(POSITIVES, NEGATIVES)
    fit = fit_joint_values("saturating", POSITIVES, NEGATIVES, values, True, math.inf)
    assert fit.bounded and fit.law.saturation > 1000 * EACH.max()  # a limit, no estimate
    assert (fit.law.kappa, fit.law.exponent) == pytest.approx((0.3, 0.4), rel=1e-3)


def test_no_law_is_added_to_the_choice():
    values = PowerLaw(4, 0.4).predict(SIZES) * np.exp(0.02 * np.random.default_rng(1).standard_normal(16))
    assert {one.law for one in choose_for_values(SIZES, values).candidates} == {
        "power",
        "floor",
        "rectified",
        "turning",
    }


@pytest.mark.parametrize(
    ("law", "negatives", "message"),
    [
        ("multiplicative", [0.0, 1, 2, 3, 4, 5], "multiplicative law is infinite at 0 negatives"),
        ("saturating", [0.0, 2, 0, 4, 0, 6], "three ratios"),
        ("repeated", [1.0, 2, 3, 4, 5, 6], "kappa is not identified"),
    ],
)
def test_data_that_do_not_identify_a_law_are_refused(law, negatives, message):
    with pytest.raises(ValueError, match=message):
        fit_joint_values(law, [1, 2, 3, 4, 5, 6], negatives, [6, 5, 4, 3, 2, 1], False)


def test_parameters_have_the_order_of_the_fit():
    for law, planted in (PLANTED | JOINT).items():
        width = SHAPES[law].logarithmic.size
        assert width == len(parameters(planted)), law
