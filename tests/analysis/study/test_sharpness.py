"""Error against temperature and coverage, on samples whose numbers are known."""

from __future__ import annotations

from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.data.files import Samples
from analysis.figures import draw_all
from analysis.figures.inputs import figure_inputs
from analysis.report.tables import as_json, next_step_table, tables, temperature_table
from analysis.study.sharpness import coverage_cells, errors_by_temperature, next_steps
from analysis.study.studies import Studies
from analysis.study.study import Study
from synth_scaling.core.metrics import pass_at_k
from synth_scaling.core.records import Response
from tests.support.made_rows import point, results_of


@pytest.fixture(scope="module")
def results():
    """Rows of sft that has learned with N, and of rft that is sharper than sft and covers no more."""
    points = [
        point("sft", size, rate, sampled_rate=rate + 0.1, sampled_errors={"1": rate + 0.1, "0.5": rate + 0.05})
        for size, rate in ((100, 0.5), (200, 0.3))
    ]
    points.append(point("rft", 200, 0.3, sampled_rate=0.35, sampled_errors={"1": 0.35, "0.5": 0.32}))
    points.append(point("dpo", 200, 0.3))
    return results_of(points, tested=400, shared=0.5)


def test_errors_by_temperature_begin_with_the_greedy_one(results):
    points = errors_by_temperature(results)
    by_key = {(one.label, one.size, one.temperature): one for one in points}
    assert set(by_key) == {
        (label, size, t) for label, size in (("sft", 100), ("sft", 200), ("rft", 200)) for t in (0.0, 0.5, 1.0)
    }
    rows = results.rows[(results.rows["label"] == "sft") & (results.rows["problems"] == 100)]
    greedy = rows["wrong"] / rows["tested"]
    one = by_key["sft", 100, 0.0]
    assert one.seeds == 3 and one.error == pytest.approx(greedy.mean())
    half = 4.302653 * greedy.std(ddof=1) / 3**0.5  # Student's quantile for two degrees of freedom
    assert (one.low, one.high) == pytest.approx((greedy.mean() - half, greedy.mean() + half), abs=1e-6)
    assert by_key["rft", 200, 0.5].error == pytest.approx(0.32)


@given(counts=st.lists(st.integers(0, 8), min_size=1, max_size=20), k=st.integers(1, 8))
def test_all_incorrect_is_one_minus_pass_at_k_of_the_rows(counts, k):
    responses = [
        Response(str(place), index, (), True, int(index < correct))
        for place, correct in enumerate(counts)
        for index in range(8)
    ]
    failing = Samples(np.array(counts), 8).all_incorrect(k)
    assert failing == pytest.approx([comb(8 - correct, k) / comb(8, k) for correct in counts])
    assert 1 - failing.mean() == pytest.approx(pass_at_k(responses, k))


def test_coverage_is_paired_by_problem_and_begins_with_sampled_error(results):
    cells = coverage_cells(results)
    assert {k for *_, k in cells} == {1, 2, 4} and ("dpo", 200, 1) not in cells
    for (label, size, k), cell in cells.items():
        rows = results.rows[(results.rows["label"] == label) & (results.rows["problems"] == size)]
        if k == 1:
            assert cell.error == pytest.approx(rows["sampled_error"].mean())
        else:
            assert cell.error < cells[label, size, k // 2].error


def test_a_single_seed_has_no_interval_over_seeds(results):
    one = results_of([point("sft", 100, 0.5, 1, sampled_rate=0.6, sampled_errors={"1": 0.6})], tested=400)
    for rows, brackets in ((one, False), (results, True)):
        cells = [cell for column in temperature_table(Study(rows, n_draws=20)).columns[2:] for cell in column.cells]
        assert {"[" in str(cell) for cell in cells if cell != "-"} == {brackets}


def test_tables_and_json_have_them_only_where_rows_do(results):
    study = Study(results, n_draws=50)
    titles = [str(table.title) for table in tables(study)]
    assert any(title.startswith("Test error against temperature") for title in titles)
    assert any(title.startswith("Coverage: pass@k") for title in titles)
    printed = as_json(study)
    (one,) = (one for one in printed["coverage"] if (one["label"], one["size"], one["k"]) == ("rft", 200, 4))
    assert one["interval"][0] < one["pass"] < one["interval"][1]
    assert {one["temperature"] for one in printed["temperatures"]} == {0.0, 0.5, 1.0}
    without = Study(results_of([point("sft", size, 0.4) for size in (100, 200)], tested=50), n_draws=20)
    assert not {"coverage", "temperatures"} & set(as_json(without))


def test_the_number_of_next_steps_is_a_mean_over_seeds_and_has_a_table():
    points = [
        point("sft", 100, 0.5, seeds=[seed], sampled_rate=0.6, next_step_agreement={"1": agreement, "0.5": None})
        for seed, agreement in enumerate([0.25, 0.5])
    ]
    rows = results_of([*points, point("rft", 100, 0.4)], tested=50)
    (one,) = next_steps(rows)
    assert (one.label, one.size, one.temperature, one.seeds, one.number) == ("sft", 100, 1.0, 2, 3.0)
    half = 12.706205 * np.std([4, 2], ddof=1) / 2**0.5  # Student's quantile for one degree of freedom
    assert (one.low, one.high) == (1.0, pytest.approx(3 + half, rel=1e-6))
    study = Study(rows, n_draws=20)
    assert [cell for column in next_step_table(study).columns for cell in column.cells][:2] == ["sft", "100"]
    assert as_json(study)["next_steps"][0]["number"] == 3.0
    assert any(str(table.title).startswith("Effective number of correct next steps") for table in tables(study))
    assert not next_steps(results_of([point("sft", 100, 0.4)], tested=50))


def test_the_figures_draw_their_points_and_are_skipped_without_samples(results, tmp_path: Path):
    only = ("error_against_temperature", "coverage")
    lines = list(draw_all(figure_inputs(Studies(results, 50)), tmp_path, only))
    assert [line.split(":")[0] for line in lines] == list(only)
    header, *points = (tmp_path / "coverage.csv").read_text().splitlines()
    assert header == "label,method,size,k,seeds,tested,coverage,low,high"
    assert len(points) == 6 and all(line.split(",")[2] == "200" for line in points)
    header, *points = (tmp_path / "error_against_temperature.csv").read_text().splitlines()
    assert header == "label,method,size,temperature,seeds,error,low,high" and len(points) == 6
    bare = results_of([point("sft", size, 0.4) for size in (100, 200)], tested=50)
    skipped = list(draw_all(figure_inputs(Studies(bare, 20)), tmp_path / "none", only))
    assert all("skipped" in line and "evaluation.samples" in line for line in skipped)


def test_intervals_over_seeds_stay_shares():
    rates = np.array([0.0, 0.0, 0.3])
    points = [
        point("sft", 100, 0.02, seeds=[seed], sampled_rate=0.02, sampled_errors={"1": rate})
        for seed, rate in enumerate(rates)
    ]
    (_, one) = errors_by_temperature(results_of(points, tested=50))
    assert (one.temperature, one.error, one.low) == (1.0, pytest.approx(0.1), 0.0) and 0.1 < one.high < 1
