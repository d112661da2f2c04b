"""Fits to more points than are searched and refitted as a whole: the same optimum, and intervals as wide."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.arrays import Floats
from analysis.defaults import HUBER_DELTA
from analysis.fits import solving
from analysis.fits.joint import fit_joint_values
from analysis.fits.laws import FloorLaw, LawName
from analysis.fits.optimum import MANY, search
from analysis.fits.size_laws import AUTO_LAWS, size_shape
from analysis.fits.solving import draw_values, solve_values, value_losses
from analysis.fits.values import fit_values

COUNT = MANY + 400


def table(seed: int = 0) -> tuple[Floats, Floats]:
    """Sizes and values of a law with a floor, with lognormal noise of 5 %."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.uniform(np.log(100), np.log(1e6), COUNT))
    return sizes, FloorLaw(0.5, 10.0, 0.5).predict(sizes) * np.exp(0.05 * rng.standard_normal(COUNT))


@pytest.mark.parametrize("law", AUTO_LAWS)
@pytest.mark.parametrize("delta", [HUBER_DELTA, math.inf])
def test_the_optimum_is_that_of_all_starts_over_all_points(law: LawName, delta: float) -> None:
    sizes, values = table()
    shape = size_shape(law, sizes)
    losses = value_losses(values[None], float(np.log(values).mean()), delta)
    best = float(search(shape, losses).values.min())
    solved = solve_values(shape, values, delta)
    loss = float(losses[-1](np.log(solved.shape.predict(solved.point).value)).value.sum())
    assert loss <= best * (1 + 1e-9)


def test_intervals_are_as_wide_as_those_from_all_points(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, values = table()
    solution = solve_values(size_shape("floor", sizes), values, math.inf)
    some = draw_values(solution, math.inf, 400, 0)
    monkeypatch.setattr(solving, "MANY", COUNT)
    every = draw_values(solution, math.inf, 400, 0)
    assert some.shape == every.shape == (400, 3)
    assert some.std(axis=0) / every.std(axis=0) == pytest.approx(np.ones(3), abs=0.15)
    assert np.median(some, axis=0) == pytest.approx(np.median(every, axis=0), rel=0.01)


def test_progress_is_reported_after_each_batch() -> None:
    sizes, values = table()
    ticks: list[int] = []
    solution = solve_values(size_shape("power", sizes), values, math.inf)
    draw_values(solution, math.inf, 250, 0, lambda: ticks.append(1))
    assert len(ticks) == 3  # of 100, 100 and 50 draws


def test_a_parameter_at_zero_stays_there_and_others_scale() -> None:
    """A floor of 0 has no log; draws above it are nearer by the same factor."""
    rng = np.random.default_rng(1)
    sizes = np.geomspace(100, 1e5, COUNT)
    values = 4 * sizes**-0.4 * np.exp(0.3 * rng.standard_normal(COUNT))
    solution = solve_values(size_shape("floor", sizes), values, math.inf)
    drawn = draw_values(solution, math.inf, 100, 0)
    assert np.isfinite(drawn).all() and (drawn[:, 0] >= 0).all() and (drawn[:, 1] > 0).all()


def test_joint_laws_over_many_points() -> None:
    rng = np.random.default_rng(2)
    p, m = np.exp(rng.uniform(4, 9, COUNT)), np.exp(rng.uniform(4, 9, COUNT))
    values = 4 * (p + 0.5 * m) ** -0.4 * np.exp(0.05 * rng.standard_normal(COUNT))
    law = fit_joint_values("effective", p, m, values, floor=False, delta=math.inf).law
    assert (law.amplitude, law.exponent, law.kappa) == pytest.approx((4, 0.4, 0.5), rel=0.05)
    assert fit_values("power", p + 0.5 * m, values, math.inf).law.exponent == pytest.approx(0.4, rel=0.02)
