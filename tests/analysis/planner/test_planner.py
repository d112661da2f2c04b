from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.data.cells import Cell, SizeKey, size_cells
from analysis.errors import InputError
from analysis.fits.power import fit_power_law
from analysis.planner.costs import Rates
from analysis.planner.next_run import deviation, next_runs
from analysis.planner.options import Plan
from analysis.planner.plan import plan_for_budget, plan_for_target
from analysis.stats.bootstrap import resample
from analysis.stats.variance import cell_covariance
from analysis.study.cost_law import CostLaw, Prices, fit_cost
from analysis.study.study import Study
from tests.support.made_rows import Point, point, results_of, write

SIZES = (100, 200, 400, 800)
DRAWS = 200
# label -> (A, alpha, FLOPs per problem): error A N^-alpha at a cost of c N.
LAWS = {"sft": (5.0, 0.5, 1e9), "rft": (3.5, 0.5, 3e9), "step_dpo": (2.5, 0.5, 6e9)}


def _points(laws: dict[str, tuple[float, float, float]] = LAWS, slope: float = 0.0) -> list[Point]:
    return [
        point(label, n, amplitude * n**-exponent, flops_training=0.4 * each * n ** (1 + slope))
        | {"flops_sampling": 0.6 * each * n ** (1 + slope)}
        for label, (amplitude, exponent, each) in laws.items()
        for n in SIZES
    ]


@pytest.fixture(scope="module")
def exact():
    """Errors exactly at the laws, the same in every seed."""
    return results_of(_points(), tested=20_000, shared=1.0)


def _by_method(plan: Plan) -> dict:
    return {option.method: option for option in plan.options}


# --- costs


def test_a_linear_cost_is_recovered(exact):
    cost = fit_cost(exact, "rft")
    assert (cost.each, cost.slope, cost.scatter) == pytest.approx((3e9, 0.0, 0.0), abs=1e-9, rel=1e-9)
    steep = fit_cost(results_of(_points(slope=0.25), tested=10), "sft")
    assert (steep.each, steep.slope) == pytest.approx((1e9, 0.25), rel=1e-9)
    assert fit_cost(results_of(_points()[:1], tested=10), "sft").slope == 0.0


@settings(max_examples=60)
@given(
    slope=st.floats(-0.9, 2.0),
    each=st.floats(1e3, 1e15),
    problem=st.one_of(st.just(0.0), st.floats(1e3, 1e15)),
    size=st.floats(1.0, 1e9),
)
def test_affordable_data_cost_the_budget(slope, each, problem, size):
    cost = CostLaw(each, slope, 0.0, problem)
    assert cost.affords(float(cost.total(size)) * (1 + 1e-12), 1e15) == pytest.approx(size, rel=1e-6)


def test_rates_make_hours_and_money():
    rates = Rates(1e12, 2.0)
    assert rates.hours(3.6e15) == pytest.approx(1.0) and rates.money(7.2e15) == pytest.approx(4.0)
    assert Rates(1e12).money(1.0) is None and Rates().hours(1.0) is None


# --- targets and budgets


def test_a_target_is_reached_at_the_closed_form_size(exact):
    """N = (A / e)^(1 / alpha) at cost c N; the cheapest is the least c A^2 here."""
    plan = plan_for_target(Study(exact, n_draws=DRAWS), 0.15)
    result = _by_method(plan)
    for label, (amplitude, exponent, each) in LAWS.items():
        size = (amplitude / 0.15) ** (1 / exponent)
        # Beyond the runs, N = 800, the prediction is a mixture of laws that fit as well.
        assert result[label].problems == pytest.approx(size, rel=0.01 if size <= 800 else 0.03)
        assert result[label].flops == pytest.approx(each * result[label].problems, rel=1e-6)
        assert result[label].flops_low < result[label].flops < result[label].flops_high
        assert result[label].error <= 0.15 == pytest.approx(result[label].error, rel=0.01)
    order = sorted(LAWS, key=lambda label: LAWS[label][2] * LAWS[label][0] ** 2)
    assert [option.method for option in plan.options] == order == ["sft", "rft", "step_dpo"]
    assert plan.options[0].best > 0.95 and sum(option.best for option in plan.options) == pytest.approx(1.0)


def test_a_price_on_problems_turns_the_order(exact):
    """With a teacher's solution at 1e10 FLOPs it is (c + 1e10) A^2 that counts."""
    plan = plan_for_target(Study(exact, n_draws=DRAWS), 0.15, prices=Prices(teacher=1e10))
    order = sorted(LAWS, key=lambda label: (LAWS[label][2] + 1e10) * LAWS[label][0] ** 2)
    assert [option.method for option in plan.options] == order == ["step_dpo", "rft", "sft"]
    best = plan.options[0]
    assert best.flops == pytest.approx(1.6e10 * best.problems, rel=1e-6)


def test_a_budget_buys_the_closed_form_error(exact):
    """N = B / c, so the error is A (B / c)^-alpha."""
    plan = plan_for_budget(Study(exact, n_draws=DRAWS), 1.2e12)
    result = _by_method(plan)
    for label, (amplitude, exponent, each) in LAWS.items():
        assert result[label].problems == math.floor(1.2e12 / each)
        assert result[label].error == pytest.approx(amplitude * (1.2e12 / each) ** -exponent, rel=0.02)
        assert result[label].error_low < result[label].error < result[label].error_high
        assert result[label].flops == result[label].flops_low == result[label].flops_high <= 1.2e12 * (1 + 1e-9)
    assert [option.method for option in plan.options] == ["sft", "rft", "step_dpo"]


def test_a_target_that_the_smallest_run_reaches(exact):
    option = _by_method(plan_for_target(Study(exact, n_draws=DRAWS), 0.45))["step_dpo"]
    assert option.problems == 100 and "smallest run" in option.note and option.error < 0.45


def test_no_law_is_extrapolated_past_four_times_its_largest_run_by_default(exact):
    # sft needs N = (5 / 0.07)^2 = 5,102, rft 2,500, step_dpo 1,276; the limit is 3,200.
    plan = plan_for_target(Study(exact, n_draws=DRAWS), 0.07)
    assert set(_by_method(plan)) == {"rft", "step_dpo"}
    (refusal,) = plan.refused
    assert refusal.method == "sft" and "past 4x its largest run (N = 800)" in refusal.reason
    asked = _by_method(plan_for_target(Study(exact, n_draws=DRAWS), 0.07, extrapolate=True))
    assert {label: option.extrapolated for label, option in asked.items()} == {
        "sft": True,
        "rft": False,
        "step_dpo": False,
    }
    # A budget that affords more than that is not spent, and the note says so.
    held = _by_method(plan_for_budget(Study(exact, n_draws=DRAWS), 1e14))
    assert {option.problems for option in held.values()} == {3200}
    assert all("held at 4x" in option.note and not option.extrapolated for option in held.values())
    spent = _by_method(plan_for_budget(Study(exact, n_draws=DRAWS), 1e14, extrapolate=True))
    assert spent["sft"].problems == 100_000 and all(option.extrapolated for option in spent.values())


def test_unaffordable_plans_are_refused_in_one_line(exact):
    with pytest.raises(InputError, match=r"nothing fits an error of 0\.001: .*past 4x .*--extrapolate"):
        plan_for_target(Study(exact, n_draws=DRAWS), 0.001)
    with pytest.raises(InputError, match=r"budget of 1e\+09 FLOPs: .*smallest run \(N = 100\) costs .*more than the"):
        plan_for_budget(Study(exact, n_draws=DRAWS), 1e9)
    with pytest.raises(InputError, match="between 0 and 1"):
        plan_for_target(Study(exact, n_draws=DRAWS), 5.0)
    with pytest.raises(InputError, match="must be positive"):
        plan_for_budget(Study(exact, n_draws=DRAWS), -1.0)
    with pytest.raises(InputError, match="do not record their cost"):
        plan_for_target(Study(results_of([point("sft", n, 0.3 - n / 10_000) for n in SIZES]), n_draws=DRAWS), 0.3)


def test_a_law_that_does_not_fall():
    rising = [point("dpo", n, 0.3 + n / 10_000, flops_training=1e9 * n, flops_sampling=0.0) for n in SIZES]
    results = results_of([*_points(), *rising], tested=4000)
    study = Study(results, n_draws=DRAWS)
    refused = {refusal.method: refusal.reason for refusal in plan_for_target(study, 0.2).refused}
    assert refused == {"dpo": "its error does not fall with N"}
    option = _by_method(plan_for_budget(study, 1e12))["dpo"]
    assert option.problems == 100 and "does not fall" in option.note and option.flops == pytest.approx(1e11)


def test_a_target_below_the_floor_of_a_law_is_never_reached():
    """0.2 + 4 N^-0.7 over seven sizes: the fitted law has the floor, and says so however far one goes."""
    sizes = [100 * 2**power for power in range(7)]
    points = [point("sft", n, 0.2 + 4 * n**-0.7, flops_training=1e9 * n, flops_sampling=0.0) for n in sizes]
    results = results_of(points, tested=20_000, shared=1.0)
    with pytest.raises(InputError, match="sft: its law never reaches it"):
        plan_for_target(Study(results, n_draws=DRAWS), 0.15, extrapolate=True)
    (option,) = plan_for_target(Study(results, n_draws=DRAWS), 0.25).options
    assert option.problems == pytest.approx((4 / 0.05) ** (1 / 0.7), rel=0.1)


def test_an_end_of_the_cost_is_open_where_some_draws_never_get_there():
    """So few answers that many draws' laws need more than 4x the largest run."""
    few = results_of(_points({"sft": (1.0, 0.15, 1e9)}), tested=150)
    (option,) = plan_for_target(Study(few, n_draws=DRAWS), 0.33).options
    assert option.flops_high is None and option.best < 1


# --- the next run


def _nested(rates: list[float], problems: int = 100) -> np.ndarray:
    return np.stack([np.arange(problems) < rate * problems for rate in rates])


def test_one_more_seed_of_the_only_uncertain_cell_by_hand():
    """The baseline is known (all seeds are alike, on many problems); the label's seeds lie far apart."""
    laws = ((100, 0.5), (400, 0.25), (1600, 0.125))
    cells = {("sft", n): Cell((0, 1, 2), _nested([rate] * 3, 2000)) for n, rate in laws}
    order = [np.random.default_rng(seed).permutation(2000) for seed in range(3)]
    wrong = np.stack([subset < rate * 2000 for subset, rate in zip(order, (0.1, 0.2, 0.3), strict=True)])
    cells["m", 400] = Cell((0, 1, 2), wrong)
    runs = next_runs(cells, "sft", "m", 400)
    covariance = cell_covariance(cells)
    place = covariance.keys.index(("m", 400))
    best = runs[0]
    assert (best.label, best.size, best.seed, best.new) == ("m", 400, 3, False)
    parts = covariance.components(np.eye(4)[place])
    assert parts.seeds > 20 * (parts.problems + parts.chance)
    # Nearly all of the variance is between this cell's three seeds: a fourth takes it to three quarters.
    assert best.shrinkage == pytest.approx(1 - math.sqrt(3 / 4), abs=0.02)
    others = [run for run in runs if run.label == "m" and run.size != 400]
    assert [run.size for run in others] == [800] and others[0].shrinkage == 0 and others[0].new
    assert {(run.label, run.size) for run in runs if run.new} == {("sft", 3200), ("m", 800)}


def test_the_variance_of_an_estimate_against_the_bootstrap():
    """CellCovariance by the delta method, against the spread of the bootstrap's draws of the same multiplier."""
    points = [point("sft", n, 4 * n**-0.5, seeds=6) for n in SIZES] + [point("m", 200, 0.2, seeds=6)]
    cells = size_cells(results_of(points, tested=1000, spread=0.15))
    covariance = cell_covariance(cells)
    drawn = resample(cells, 4000)
    for key in cells:
        gradient = np.eye(len(cells))[covariance.keys.index(key)]
        assert math.sqrt(covariance.components(gradient).total) == pytest.approx(drawn.resampled[key].std(), rel=0.3)


def test_expected_shrinkage_equals_that_of_one_more_run():
    """Simulated studies of three seeds: the spread of log M over them, without and with a fourth run at (m, 200)."""

    def study(first: int, seeds: int, more: int) -> dict[SizeKey, Cell]:
        points = [point("sft", n, 4 * n**-0.5, seeds=range(first, first + seeds)) for n in SIZES]
        points.append(point("m", 200, 0.2, seeds=range(first, first + seeds + more)))
        return size_cells(results_of(points, tested=300, shared=0.0, spread=0.3))

    seen = []
    for more in (0, 1):
        result = []
        for first in range(0, 1000, 5):
            cells = study(first, 3, more)
            wrong, tested = zip(*((cells["sft", n].wrong.sum(), cells["sft", n].tested) for n in SIZES), strict=True)
            law = fit_power_law(SIZES, wrong, tested).law
            result.append(math.log(law.invert(cells["m", 200].error)))
        seen.append(np.std(result))
    # What a study of three seeds is uncertain by, from one of forty.
    known = cell_covariance(study(0, 40, 0))
    three = replace(known, count=known.count * 3 / 40, by_seeds=known.by_seeds * 40 / 3)
    keys = [*(("sft", n) for n in SIZES), ("m", 200)]
    before, after = deviation(three, keys), deviation(three.with_seed(("m", 200)), keys)
    assert seen[0] == pytest.approx(before, rel=0.2)
    assert seen[1] / seen[0] == pytest.approx(after / before, abs=0.03)


def test_runs_that_cannot_be_planned(exact):
    cells = size_cells(exact)
    with pytest.raises(InputError, match=r"rft was not run at N = 300; its sizes: 100, 200, 400, 800"):
        next_runs(cells, "sft", "rft", 300)
    with pytest.raises(InputError, match="'sft' is the baseline"):
        next_runs(cells, "sft", "sft", 400)
    with pytest.raises(InputError, match="no runs with label 'nope'"):
        next_runs(cells, "sft", "nope", 400)
    single = {key: Cell(cell.seeds[:1], cell.wrong[:1]) for key, cell in cells.items()}
    with pytest.raises(InputError, match="a single seed somewhere"):
        next_runs(single, "sft", "rft", 400)
    flat = {("sft", n): Cell((0, 1), _nested([0.3, 0.32])) for n in SIZES}
    flat["rft", 200] = Cell((0, 1), _nested([0.2, 0.3]))
    with pytest.raises(InputError, match="does not fall with N"):
        next_runs(flat, "sft", "rft", 200)


# --- the command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("priced")
    write(results_of(_points(), tested=400), place)
    return place


def _json(arguments: list[str], capsys) -> dict:
    assert main(["plan", *arguments, "--draws", "100", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_plan_as_json(folder, capsys):
    rates = ["--flops-per-second", "1e9", "--money-per-gpu-hour", "3.6"]
    result = _json([str(folder), "--target-error", "0.2", *rates, "--multiplier", "rft@200"], capsys)
    assert [option["method"] for option in result["options"]] == ["sft", "rft", "step_dpo"]
    for option in result["options"]:
        assert option["gpu_hours"] == pytest.approx(option["flops"] / 3.6e12)
        assert option["money"] == pytest.approx(option["flops"] / 1e12)
    assert result["multiplier"]["label"] == "rft" and result["next_runs"][0]["shrinkage"] > 0
    hours = _json([str(folder), "--budget-gpu-hours", "0.1", *rates], capsys)
    money = _json([str(folder), "--budget-money", "0.36", *rates], capsys)
    flops = _json([str(folder), "--budget-flops", "3.6e11"], capsys)
    sizes = [[option["problems"] for option in plan["options"]] for plan in (hours, money, flops)]
    assert sizes[0] == sizes[1] == sizes[2] and sizes[0][0] == 360
    dear = _json([str(folder), "--target-error", "0.2", *rates, "--teacher-cost", "0.01"], capsys)
    assert dear["options"][0]["method"] == "step_dpo"


def test_the_frontier_and_its_crossings(folder, capsys):
    """A teacher solution at t FLOPs is the same as one at the money that buys t FLOPs."""
    rates = ["--flops-per-second", "1e9", "--money-per-gpu-hour", "3.6"]
    dear = _json([str(folder), "--frontier", *rates, "--teacher-cost", "0.01"], capsys)
    same = _json([str(folder), "--frontier", *rates, "--teacher-cost", "1e10FLOPs"], capsys)
    assert dear == same and dear["frontier"][-1]["label"] == "step_dpo"
    free = _json([str(folder), "--frontier", "--target-error", "0.2"], capsys)
    assert free["frontier"][0]["label"] == "sft" and free["frontier"][0]["money"] is None
    # (c N - c_sft N_sft) / (N_sft - N) with N = (A / 0.2)^2
    prices = {one["name"]: one["price"] for one in free["crossings"]}
    assert prices == pytest.approx({"rft": (3 * 12.25 - 25) / 12.75 * 1e9, "step_dpo": 2 / 3 * 1e9}, rel=0.3)
    assert main(["plan", str(folder), "--frontier", "--draws", "100"]) == 0
    shown = capsys.readouterr().out
    assert "Best buy for a budget" in shown and "price from, FLOPs" in shown


def test_plan_as_a_table(folder, capsys):
    assert main(["plan", str(folder), "--target-error", "0.07", "--extrapolate", "--draws", "100"]) == 0
    shown = capsys.readouterr().out
    assert "Cheapest way to an error of 7 %" in shown and "EXTRAPOLATED" in shown and "% of draws" in shown
    assert main(["plan", str(folder), "--target-error", "0.07", "--draws", "100"]) == 0
    assert "sft: needs N = " in capsys.readouterr().out
    assert main(["plan", str(folder), "--multiplier", "step_dpo@400", "--draws", "100"]) == 0
    shown = capsys.readouterr().out
    assert "Next run for M(400) of step_dpo" in shown and "larger runs of the baseline" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to plan for"),
        (["--target-error", "0.1", "--budget-flops", "1e12"], "one question at a time"),
        (["--target-error", "1.5"], "between 0 and 1"),
        (["--target-error", "0.0001"], "nothing fits an error of 0.0001"),
        (["--budget-flops", "10"], "more than the budget"),
        (["--budget-flops", "-1"], "--budget-flops must be positive"),
        (["--budget-flops", "nan"], "--budget-flops must be positive"),
        (["--budget-gpu-hours", "1"], "--budget-gpu-hours needs --flops-per-second"),
        (["--budget-money", "1", "--flops-per-second", "1e9"], "needs --flops-per-second and --money-per-gpu-hour"),
        (["--target-error", "0.1", "--teacher-cost", "1"], "--teacher-cost needs"),
        (["--frontier", "--teacher-cost", "dear"], "--teacher-cost takes money, as 0.02, or FLOPs"),
        (["--frontier", "--teacher-cost=-1flops"], "--teacher-cost takes"),
        (["--frontier", "--sampling-flops-per-second", "1e9"], "needs --flops-per-second"),
        (["--frontier", "--baseline", "nope"], "nope has no law"),
        (["--multiplier", "step_dpo"], "LABEL@N"),
        (["--multiplier", "step_dpo@300"], "was not run at N = 300"),
        (["--multiplier", "rft@200", "--baseline", "nope"], "no runs with label 'nope'"),
        (["--target-error", "0.1", "--draws", "0"], "--draws"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(folder, capsys, arguments, message):
    assert main(["plan", str(folder), *arguments]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("analysis: ") and message in output.err and output.err.count("\n") == 1
    assert output.out == ""
