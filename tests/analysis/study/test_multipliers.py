from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.data.cells import Cell, SizeKey
from analysis.data.flops import flops_by_cell
from analysis.data.results import load
from analysis.fits.laws import FloorLaw
from analysis.stats.bootstrap import resample
from analysis.study.curves import fit_curve
from analysis.study.efficiency import no_efficiency
from analysis.study.mean_multipliers import Summary, summarise
from analysis.study.multipliers import Multiplier, read_multipliers
from analysis.study.study import examine

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
    (result,) = read_multipliers(draws, fit_curve(cells, draws, "sft").baseline_law, {("m", size): float(size)})
    return result


def test_four_times_the_data(cells):
    result = _of(cells, 200, 5 * 800**-0.5)
    assert result.bound == "exact"
    assert result.value == pytest.approx(4.0, rel=0.01)
    assert result.low <= 4.0 <= result.high and not (result.low_open or result.high_open)
    assert str(result) == "4.00x"
    assert result.interval_text() == f"{result.low:.2f} to {result.high:.2f}"


def test_beyond_the_largest_run_is_a_bound(cells):
    result = _of(cells, 800, 0.05)
    assert (result.bound, result.value) == ("at least", 2.0)
    assert result.low_open is False and result.high_open  # even the low end lies at the baseline's last run
    assert (result.low, result.high, result.interval_text()) == (2.0, 2.0, "> 2.00")
    assert str(result) == ">= 2.00x (beyond the baseline's largest run)"


def test_short_of_the_smallest_run_is_a_bound(cells):
    result = _of(cells, 400, 0.7)
    assert (result.bound, result.value, result.low_open) == ("at most", 0.25, True)
    assert str(result) == "<= 0.250x (short of the baseline's smallest run)"


def test_an_error_near_the_end_has_an_open_interval(cells):
    result = _of(cells, 800, 5 * 1550**-0.5)
    assert result.bound == "exact" and result.high_open and result.high == 2.0 and result.low < 1.9
    assert result.interval_text().endswith("to > 2.00")


def test_below_all_measured_errors_is_a_bound_even_where_the_law_would_reach(cells):
    del cells["sft", 100]  # four sizes: too few for a law with a floor
    cells["sft", 1600] = _exact(0.16)  # worse than the law of the rest
    fitted = resample(cells)
    law = fit_curve(cells, fitted, "sft").fit.law
    error = float(law.predict(1500))
    assert error < 0.16
    result = _of(cells, 400, error)
    assert result.bound == "at least" and result.value == pytest.approx(1500 / 400, rel=0.02)


def test_a_baseline_that_does_not_fall_has_no_multiplier(cells):
    flat = {("sft", n): _exact(0.3 + n / 10_000) for n in SIZES} | {("m", 200): _exact(0.2)}
    draws = resample(flat)
    with pytest.raises(ValueError, match="does not fall"):
        read_multipliers(draws, fit_curve(flat, draws, "sft").baseline_law, {("m", 200): 200.0})


def test_below_the_floor_of_the_baselines_law_is_infinite():
    law = FloorLaw(0.1, 40.0, 1.0)
    cells = {("sft", n): _exact(float(law.predict(n))) for n in (100, 200, 400, 800, 1600, 3200, 6400)}
    result = _of(cells, 800, 0.09)
    assert result.infinite and result.bound == "at least" and result.value == pytest.approx(8.0)
    assert str(result) == ">= 8.00x, infinite (below the floor of the baseline's law)"
    assert (result.low, result.low_open, result.high_open) == (8.0, False, True)
    # Above the floor the law with the floor is what is inverted: 0.1 + 40 / 1600 = 0.125.
    result = _of(cells, 800, 0.125)
    assert not result.infinite and result.value == pytest.approx(2.0, rel=0.02)


def _summaries(cells: dict[SizeKey, Cell], spent: dict[SizeKey, float] | None = None) -> list[Summary]:
    draws = resample(cells, draws=400)
    baseline_law = fit_curve(cells, draws, "sft", spent).baseline_law
    spent = spent or {key: float(key[1]) for key in cells}
    return summarise(draws, baseline_law, spent, read_multipliers(draws, baseline_law, spent))


def test_one_number_where_the_multiplier_is_the_same_at_every_size(cells):
    cells |= {("m", n): _exact(5 * (2 * n) ** -0.5) for n in (100, 200, 400)}
    (result,) = _summaries(cells)
    assert result.sizes == (100, 200, 400) and result.range_text() == "100 to 400"
    assert result.value == pytest.approx(2.0, rel=0.01) and result.low < 2.0 < result.high
    assert result.trend == pytest.approx(1.0, abs=0.01) and result.verdict == "no trend seen"
    assert result.interval_text() == f"{result.low:.2f} to {result.high:.2f}"


def test_a_growing_multiplier_is_reported(cells):
    # M(N) = 1.5 (N / 100)^0.5: the geometric mean over 100, 200, 400 is that at 200, and M grows by 2^0.5 a doubling.
    cells |= {("m", n): _exact(5 * (1.5 * (n / 100) ** 0.5 * n) ** -0.5) for n in (100, 200, 400)}
    (result,) = _summaries(cells)
    assert result.value == pytest.approx(1.5 * 2**0.5, rel=0.01)
    assert result.trend == pytest.approx(2**0.5, rel=0.01)
    assert result.trend_low < 2**0.5 < result.trend_high and result.verdict == "grows"
    cells |= {("m", n): _exact(5 * (8 * (n / 100) ** -1.0 * n) ** -0.5) for n in (100, 200, 400)}
    (result,) = _summaries(cells)
    assert result.trend == pytest.approx(0.5, rel=0.01) and result.verdict == "shrinks"


def test_the_trend_extends_to_sizes_where_the_multiplier_is_a_bound(cells):
    # Twice the data at every N, which at N = 1600 is twice the baseline's largest run.
    cells |= {("m", n): _exact(5 * (2 * n) ** -0.5) for n in SIZES}
    (result,) = _summaries(cells)
    assert result.sizes == (100, 200, 400, 800) and result.trend == pytest.approx(1.0, abs=0.01)
    assert result.verdict == "no trend seen"


def test_an_exact_multiplier_counts_although_its_interval_reaches_the_baselines_last_run(cells):
    at = {n: _exact(5 * (2 * n) ** -0.5) for n in (200, 400)}
    edge = {800: _exact(5 * 1550**-0.5)}
    (result,) = _summaries(cells | {("m", n): cell for n, cell in (at | edge).items()})
    assert result.sizes == (200, 400, 800) and result.bound == "exact" and not result.high_open
    assert result.value == pytest.approx((2 * 2 * 1550 / 800) ** (1 / 3), rel=0.01) and result.low < 2 < result.high
    (result,) = _summaries(cells | {("m", n): cell for n, cell in edge.items()})
    assert (result.sizes, result.low_open, result.high_open) == ((800,), False, False)
    assert result.high > 1600 / 800  # read from the law beyond the last run
    assert (result.trend, result.verdict, result.range_text()) == (None, "one size", "800")
    assert _summaries(cells | {("m", 800): _exact(0.05)}) == []  # a bound alone


def test_a_bound_counts_where_the_mean_of_the_exact_multipliers_does_not_satisfy_it(cells):
    # At least 1 at N = 1600 says nothing that the exact 2 at N = 100 does not.
    (result,) = _summaries(cells | {("m", 100): _exact(5 * 200**-0.5), ("m", 1600): _exact(0.05)})
    assert result.sizes == (100,) and result.short() == "2.00x" and not result.high_open
    # M = 2 at N = 100, and beyond the baseline's 1,600 problems at 200 and 400: at least 8 and 4; on average 4.
    cells |= {("m", 100): _exact(5 * 200**-0.5), ("m", 200): _exact(0.05), ("m", 400): _exact(0.05)}
    (result,) = _summaries(cells)
    assert result.sizes == (100, 200, 400) and result.bound == "at least" and result.short() == ">= 4.00x"
    assert not result.low_open and result.high_open and result.low == pytest.approx(4, rel=0.05)
    # Worse than the baseline's first run: at most 1/4 and 1/8 beside 1/2 at N = 1600.
    cells |= {("m", 400): _exact(0.6), ("m", 800): _exact(0.6), ("m", 1600): _exact(5 * 800**-0.5)}
    del cells["m", 100], cells["m", 200]
    (result,) = _summaries(cells)
    assert result.sizes == (400, 800, 1600) and result.short() == "<= 0.250x" and result.low_open


def test_cost_is_that_of_the_method_for_the_same_error(cells):
    # The method needs half the data, and twelve times the FLOPs a problem: 2 / 12 of the baseline's cost.
    cells |= {("m", n): _exact(5 * (2 * n) ** -0.5) for n in (100, 200, 400)}
    flops = {(label, n): n * (1e9 if label == "sft" else 12e9) for label, n in cells}
    draws = resample(cells, draws=400)
    baseline_law = fit_curve(cells, draws, "sft", flops).baseline_law
    for result in read_multipliers(draws, baseline_law, flops):
        assert result.bound == "exact" and result.value == pytest.approx(2 / 12, rel=0.01)
        assert result.low < 2 / 12 < result.high
    (result,) = _summaries(cells, flops)
    assert result.value == pytest.approx(2 / 12, rel=0.01) and result.verdict == "no trend seen"
    draws = resample(cells | {("m", 800): _exact(0.05)}, draws=400)
    (last,) = read_multipliers(draws, baseline_law, {("m", 800): 8e12})
    assert last.bound == "at least" and last.value == pytest.approx(1600e9 / 8e12)


@settings(max_examples=10)
@given(factor=st.floats(1e-6, 1e12), error=st.floats(0.13, 0.49))
def test_units_do_not_matter(factor, error):
    cells = {("sft", n): _exact(5 * n**-0.5) for n in SIZES} | {("m", 200): _exact(error)}
    draws = resample(cells, draws=50)
    (data,) = read_multipliers(draws, fit_curve(cells, draws, "sft").baseline_law, {("m", 200): 200.0})
    scaled = {key: factor * key[1] for key in cells}
    (cost,) = read_multipliers(draws, fit_curve(cells, draws, "sft", scaled).baseline_law, scaled)
    assert (cost.value, cost.low, cost.high) == pytest.approx((data.value, data.low, data.high), rel=1e-6)


def test_a_study_counts_training_and_sampling(tmp_path, write_run, capsys):
    for n in SIZES:
        for seed in (0, 1):
            spent = {"flops_training": n * 1e9, "flops_sampling": seed * n * 2e9, "problems": n, "seed": seed}
            write_run(tmp_path, 5 * n**-0.5, **spent)
            write_run(tmp_path, 5 * (2 * n) ** -0.5, method="rft", **spent)
    write_run(tmp_path, 0.1, method="dpo", problems=100)  # does not tell its FLOPs
    results = load(tmp_path)
    flops = flops_by_cell(results)
    assert flops["rft", 200] == pytest.approx(200 * 2e9) and ("dpo", 100) not in flops
    study = examine(results, draws=200)
    assert {result.label for result in study.data_efficiency.multipliers} == {"dpo", "rft"}
    # Both labels spend the same a problem: what holds in data holds in cost.
    assert {result.label for result in study.compute_efficiency.multipliers} == {"rft"}
    in_data = [result for result in study.data_efficiency.multipliers if result.label == "rft"]
    for cost, data in zip(study.compute_efficiency.multipliers, in_data, strict=True):
        assert (cost.value, cost.low, cost.high) == pytest.approx((data.value, data.low, data.high), rel=1e-6)
    assert main(["table", str(tmp_path), "--draws", "100"]) == 0
    shown = capsys.readouterr().out
    assert "in FLOPs" in shown and "Geometric mean of M(N)" in shown and max(map(len, shown.splitlines())) <= 140
    assert main(["table", str(tmp_path), "--draws", "100", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result["cost_multipliers"]) == len(SIZES) and result["no_cost_multipliers"] == ""
    assert set(result["cost_multiplier_law"]) == {"amplitude", "exponent"}
    assert {one["label"] for one in result["multiplier_summaries"]} <= {"dpo", "rft"}


def test_without_flops_there_is_a_reason(simulated):
    study = examine(load(simulated), draws=50)
    assert study.compute_efficiency == no_efficiency("not all of its runs record their FLOPs")
    assert study.data_efficiency.reason == "" and study.spreads["sft"].df == 2 * len(SIZES)


def test_planted_multipliers_lie_in_their_intervals(simulated):
    study = examine(load(simulated))
    planted = {"rft": 2, "step_dpo": 4, "step_dpo, no NLL": 3}
    within = [
        result.low <= planted[result.label] <= result.high
        for result in study.multipliers
        if result.label in planted and planted[result.label] * result.size < max(SIZES)
    ]
    assert len(within) == 3 + 2 + 3 and sum(within) >= 7  # 95 % intervals: one may miss
    beyond = [result for result in study.multipliers if result.label == "step_dpo" and result.size == 1600]
    assert [result.bound for result in beyond] == ["at least"]
    assert study.curves["sft"].fit.law.exponent == pytest.approx(0.5, abs=0.08)
