"""Properties that the optimiser relies on: exact derivatives, losses as defined, and steps that only go down."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm

from analysis.fits.joint import joint_shape
from analysis.fits.losses import BinomialLoss, HuberLoss, huber_log_likelihood
from analysis.fits.optimum import derivatives, minimise, search
from analysis.fits.size_laws import AUTO_LAWS, size_shape

SIZES = np.array([100.0, 200, 400, 800, 1600, 3200])
NEGATIVES = np.array([0.0, 50, 400, 100, 1600, 200])
SHAPES = {law: size_shape(law, SIZES) for law in AUTO_LAWS} | {
    "effective": joint_shape("effective", SIZES, NEGATIVES, floor=True),
    "additive": joint_shape("additive", SIZES, NEGATIVES + 10, floor=True),
}
RATES = np.array([0.5, 0.33, 0.25, 0.22, 0.2, 0.24])
LOSSES = {
    "squares": HuberLoss(np.log(RATES)[None], math.inf),
    "huber": HuberLoss(np.log(RATES)[None], 0.3),
    "binomial": BinomialLoss(200 * RATES[None], np.full(6, 200.0), level=-1.5),
}


def central_differences(function, point):
    steps = 1e-5 * np.abs(point)
    ends = ((function(point + step), function(point - step)) for step in np.diag(steps))
    return np.array([(up - down) / (2 * step) for (up, down), step in zip(ends, steps, strict=True)])


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_derivatives_are_those_of_finite_differences(shape, loss):
    for start in shape.starts()[[0, -1]]:
        point = start * np.linspace(0.9, 1.1, len(start))  # off the bounds and symmetries of a start
        _, slope, hessian, _ = derivatives(shape, loss, point[None])
        expected = central_differences(lambda at: derivatives(shape, loss, at[None])[0][0], point)
        assert slope[0] == pytest.approx(expected, rel=1e-5, abs=1e-7 * np.abs(slope).max())
        if loss is not LOSSES["huber"]:  # whose slope has kinks
            expected = central_differences(lambda at: derivatives(shape, loss, at[None])[1][0], point)
            assert hessian[0] == pytest.approx(expected, rel=1e-4, abs=1e-7 * np.abs(hessian).max())


def test_huber_is_summed_and_meets_its_definition():
    loss = HuberLoss(np.array([[0.0, 0.0, 0.0]]), delta=0.1)
    value, first, second, safe = loss(np.array([[0.05, -0.1, 0.5]]))
    assert value[0] == pytest.approx([0.05**2 / 2, 0.1**2 / 2, 0.1 * (0.5 - 0.05)])
    assert first[0] == pytest.approx([0.05, -0.1, 0.1])
    assert second[0] == pytest.approx([1, 1, 0]) and safe[0] == pytest.approx([1, 1, 0.2])


def test_binomial_loss_is_the_likelihood_and_leads_back_from_beyond_1():
    wrong, tested = np.array([3.0, 10]), np.array([10.0, 10])
    loss = BinomialLoss(wrong[None], tested)
    rates = np.array([0.4, 0.9])
    expected = -binom.logpmf(wrong, tested, rates) + np.log([math.comb(10, 3), 1])
    assert loss(np.log(rates)[None]).value[0] == pytest.approx(expected)
    beyond = loss(np.array([[0.5, 0.5]]))
    assert np.all(np.isfinite(beyond.value)) and np.all(beyond.first > 0) and np.all(beyond.second > 0)


@pytest.mark.parametrize("delta", [1e-3, 0.02, 1.0, math.inf])
def test_log_likelihood_of_a_robust_loss_is_that_of_a_density(delta):
    residuals = np.random.default_rng(0).normal(0, 0.02, 40)

    def huber(size):
        return size**2 / 2 if size <= delta else delta * (size - delta / 2)

    def minus_log_likelihood(log_scale):
        scale = math.exp(log_scale)
        reach = 30 * max(math.sqrt(scale), scale / min(delta, 1e3))
        edges = [0.0, min(delta, reach), reach]
        mass = 2 * sum(quad(lambda r: math.exp(-huber(r) / scale), *ends)[0] for ends in pairwise(edges))
        return len(residuals) * math.log(mass) + sum(huber(abs(r)) for r in residuals) / scale

    middle = math.log(np.mean([huber(abs(r)) for r in residuals]))
    best = minimize_scalar(minus_log_likelihood, bounds=(middle - 3, middle + 3), method="bounded")
    assert huber_log_likelihood(residuals, delta) == pytest.approx(-best.fun, abs=1e-4)
    if math.isinf(delta):
        normal = norm.logpdf(residuals, scale=math.sqrt(np.mean(residuals**2))).sum()
        assert huber_log_likelihood(residuals, delta) == pytest.approx(normal)


def test_no_step_goes_up_and_all_rows_end_as_in_single_fits():
    shape, loss = SHAPES["rectified"], LOSSES["squares"]
    starts = shape.starts()
    together = minimise(shape, loss, starts)
    assert np.all(together.values <= derivatives(shape, loss, starts)[0])
    alone = [float(minimise(shape, loss, start[None]).values[0]) for start in starts]
    assert together.values == pytest.approx(alone, rel=1e-9)


def test_a_term_that_vanished_with_an_unsuitable_exponent_returns():
    # From its rising starts the power term of a falling curve first leaves, and only the floor stays.
    values = 0.1 + 5 * SIZES**-0.6
    shape = size_shape("floor", SIZES)
    result = search(shape, [HuberLoss(np.log(values)[None], math.inf)])
    assert (shape.starts()[:, 2] < 0).any()
    assert np.all(result.values < 1e-20)
