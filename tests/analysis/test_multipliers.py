from __future__ import annotations

import numpy as np
import pytest

from analysis.bootstrap import resample
from analysis.cells import Cell, SizeKey
from analysis.curves import fit_curve
from analysis.multipliers import Multiplier, multiplier, multipliers
from analysis.rows import load
from analysis.study import examine

SIZES = (100, 200, 400, 800, 1600)


def _exact(error: float, problems: int = 4000) -> Cell:
    """Three seeds with the same share of errors, on the same problems."""
    return Cell((0, 1, 2), np.tile(np.arange(problems) < round(error * problems), (3, 1)))


@pytest.fixture
def cells() -> dict[SizeKey, Cell]:
    """A baseline that follows 5 N^-0.5."""
    return {("sft", n): _exact(5 * n**-0.5) for n in SIZES}


def _of(cells: dict[SizeKey, Cell], size: int, error: float) -> Multiplier:
    cells = cells | {("m", size): _exact(error)}
    draws = resample(cells)
    return multiplier(cells, draws, fit_curve(cells, draws, "sft"), "m", size)


def test_four_times_the_data(cells):
    found = _of(cells, 200, 5 * 800**-0.5)
    assert found.bound == "exact"
    assert found.value == pytest.approx(4.0, rel=0.01)
    assert found.low <= 4.0 <= found.high and not (found.low_open or found.high_open)
    assert str(found) == "4.00x"
    assert found.interval_text() == f"{found.low:.2f} to {found.high:.2f}"


def test_beyond_the_largest_run_is_a_bound(cells):
    found = _of(cells, 800, 0.05)
    assert (found.bound, found.value) == ("at least", 2.0)
    assert found.low_open is False and found.high_open  # even the low end lies at the baseline's last run
    assert (found.low, found.high, found.interval_text()) == (2.0, 2.0, "> 2.00")
    assert str(found) == ">= 2.00x (beyond the baseline's largest run)"


def test_short_of_the_smallest_run_is_a_bound(cells):
    found = _of(cells, 400, 0.7)
    assert (found.bound, found.value, found.low_open) == ("at most", 0.25, True)
    assert str(found) == "<= 0.250x (short of the baseline's smallest run)"


def test_an_error_near_the_end_has_an_open_interval(cells):
    found = _of(cells, 800, 5 * 1550**-0.5)
    assert found.bound == "exact" and found.high_open and found.high == 2.0 and found.low < 1.9
    assert found.interval_text().endswith("to > 2.00")


def test_below_all_measured_errors_is_a_bound_even_where_the_law_would_reach(cells):
    cells["sft", 1600] = _exact(0.16)  # worse than the law of the rest
    fitted = resample(cells)
    law = fit_curve(cells, fitted, "sft").fit.law
    error = float(law.predict(1500))
    assert error < 0.16
    found = _of(cells, 400, error)
    assert found.bound == "at least" and found.value == pytest.approx(1500 / 400, rel=0.02)


def test_a_baseline_that_does_not_fall_has_no_multiplier(cells):
    flat = {("sft", n): _exact(0.3 + n / 10_000) for n in SIZES} | {("m", 200): _exact(0.2)}
    draws = resample(flat)
    with pytest.raises(ValueError, match="does not fall"):
        multipliers(flat, draws, fit_curve(flat, draws, "sft"))


def test_planted_multipliers_lie_in_their_intervals(simulated):
    study = examine(load(simulated))
    planted = {"rft": 2, "step_dpo": 4, "step_dpo, no NLL": 3}
    within = [
        found.low <= planted[found.label] <= found.high
        for found in study.multipliers
        if found.label in planted and planted[found.label] * found.size < max(SIZES)
    ]
    assert len(within) == 3 + 2 + 3 and sum(within) >= 7  # 95 % intervals: one may miss
    beyond = [found for found in study.multipliers if found.label == "step_dpo" and found.size == 1600]
    assert [found.bound for found in beyond] == ["at least"]
    assert study.curves["sft"].fit.law.exponent == pytest.approx(0.5, abs=0.08)
