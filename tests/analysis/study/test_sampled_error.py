"""Sampled error through the whole analysis, on a study whose greedy and sampled laws are known."""

from __future__ import annotations

import json
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.claims import claims
from analysis.data.cells import Cell
from analysis.data.files import Samples
from analysis.data.results import load
from analysis.errors import InputError
from analysis.planner.plan import plan_for_target
from analysis.report.tables import as_json, tables
from analysis.study.studies import Studies
from analysis.study.study import Study
from tests.support.made_rows import point, results_of, write

SIZES = (100, 200, 400, 800, 1600)


def _greedy(worth: float, size: int) -> float:
    return 3 * (worth * size) ** -0.5


def _sampled(worth: float, size: int) -> float:
    return 2 * (worth * size) ** -0.25


@pytest.fixture(scope="module")
def results():
    """step_dpo is worth 2x the data by greedy error, and 4x by sampled error; the exponents are 0.5 and 0.25."""
    points = [
        point(
            label,
            size,
            _greedy(greedy, size),
            sampled_rate=_sampled(sampled, size),
            flops_training=1e9 * size,
            flops_sampling=0.0,
        )
        for label, greedy, sampled in (("sft", 1, 1), ("step_dpo", 2, 4))
        for size in SIZES
    ]
    return results_of(points, tested=2000, shared=1.0)


@pytest.fixture(scope="module")
def sampled(results):
    return Study(results.measured_by("sampled"), n_draws=300)


def test_every_number_follows_the_measure(results, sampled):
    greedy = Study(results, n_draws=300)
    assert (greedy.error_name, sampled.error_name) == ("test error, greedy", "test error of one sample at T = 1")
    for study, worth, law, exponent in ((greedy, 2, _greedy, 0.5), (sampled, 4, _sampled, 0.25)):
        for (label, size), cell in study.cells.items():
            assert cell.error == pytest.approx(law(worth if label == "step_dpo" else 1, size), abs=1e-3)
        assert study.curves["sft"].fit.law.exponent == pytest.approx(exponent, abs=0.01)
        one = next(one for one in study.multipliers if (one.label, one.size) == ("step_dpo", 200))
        assert (one.bound, one.value) == ("exact", pytest.approx(worth, rel=0.03))
        apart = next(one for one in study.differences if one.size == 400)
        assert apart.difference == pytest.approx(law(worth, 400) - law(1, 400), abs=1e-3)
        plan = plan_for_target(study, law(1, 800))
        assert {one.method: one.problems for one in plan.options} == {
            "sft": pytest.approx(800, rel=0.03),
            "step_dpo": pytest.approx(800 / worth, rel=0.05),
        }


def test_claims_are_judged_by_the_measure(results):
    worth = {}
    for measure in ("greedy", "sampled"):
        (claim,) = (
            one
            for one in claims(Studies(results.measured_by(measure), 200))
            if one.claim == "per-step negatives are worth more than no extra data"
        )
        worth[measure] = claim.estimate
        assert claim.verdict == "holds"
    assert worth == {"greedy": pytest.approx(2, rel=0.03), "sampled": pytest.approx(4, rel=0.03)}


def test_responses_are_counted_and_tables_name_the_error(sampled):
    cell = sampled.cells["sft", 100]
    # All four samples of a problem are alike here, so they count once.
    assert (cell.tested, cell.independent) == (3 * 2000 * 4, 3 * 2000)
    titles = [str(table.title) for table in tables(sampled)]
    captions = [str(table.caption) for table in tables(sampled)]
    assert titles[0].startswith("Test error of one sample at T = 1, in %")
    assert any("Paired difference of test error of one sample at T = 1" in title for title in titles)
    assert any("error: test error of one sample at T = 1" in caption for caption in captions)


def test_commands_take_the_measure(results, sampled, tmp_path, capsys):
    write(results, tmp_path)
    assert main(["table", str(tmp_path), "--error", "sampled", "--draws", "300", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(as_json(sampled)))
    assert main(["compare", str(tmp_path), "--error", "sampled", "--baseline", "sft", "--draws", "100"]) == 0
    assert "test error of one sample at T = 1" in capsys.readouterr().out
    goal = ["--target-error", "0.3", "--multiplier", "step_dpo@400", "--draws", "100"]
    assert main(["plan", str(tmp_path), "--error", "sampled", *goal]) == 0
    shown = capsys.readouterr().out
    assert "Cheapest way to an error of 30 % (test error of one sample at T = 1)" in shown
    assert main(["claims", str(tmp_path), "--error", "sampled", "--draws", "100"]) == 0
    assert "Claims on maze (test error of one sample at T = 1)" in capsys.readouterr().out
    only = ["--only", "error_against_n", "--only", "error_against_flops", "--out", str(tmp_path / "figures")]
    assert main(["figures", str(tmp_path), "--error", "sampled", *only]) == 0
    for name in ("error_against_n", "error_against_flops"):
        assert "0.632" in (tmp_path / "figures" / f"{name}.csv").read_text()  # 2 * 100 ** -0.25


def test_rows_without_samples_are_one_clear_line(tmp_path, capsys):
    write(results_of([point("sft", size, 0.5) for size in SIZES], tested=50), tmp_path)
    for verb in (["table"], ["claims"], ["figures"], ["report"], ["compare", "--baseline", "sft"], ["log"]):
        assert main([*verb[:1], str(tmp_path), *verb[1:], "--error", "sampled"]) == 2
        expected = f"analysis: no row of {tmp_path} has sampled errors: run with evaluation.samples=4\n"
        assert capsys.readouterr().err == expected


def test_rows_without_samples_among_others_are_left_out_and_counted(tmp_path, capsys):
    points = [point("sft", size, 0.5, sampled_rate=0.6) for size in SIZES] + [point("rft", 100, 0.4)]
    write(results_of(points, tested=50), tmp_path)
    assert main(["table", str(tmp_path), "--error", "sampled", "--draws", "50", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "3 of 18 rows have no sampled errors and are left out\n"
    assert {one["label"] for one in json.loads(printed.out)["errors"]} == {"sft"}
    assert main(["table", str(tmp_path), "--draws", "50", "--json"]) == 0
    assert {one["label"] for one in json.loads(capsys.readouterr().out)["errors"]} == {"sft", "rft"}


def test_samples_of_several_temperatures_are_not_mixed():
    at = [{"evaluation": {"temperature": temperature}} for temperature in (0.7, 1.0)]
    points = [point("sft", size, 0.5, sampled_rate=0.6, config=one) for size, one in zip((100, 200), at, strict=True)]
    results = results_of(points, tested=20)
    with pytest.raises(InputError, match=r"task maze in X were sampled at temperatures 0\.7, 1\.0"):
        results.measured_by("sampled", "X")
    alone = results_of(points[:1], tested=20).measured_by("sampled")
    assert alone.error_name == "test error of one sample at T = 0.7"


def test_written_samples_read_back(results, tmp_path):
    write(results, tmp_path)
    again = load(tmp_path)
    assert set(again.samples) == set(results.samples)
    for run, samples in results.samples.items():
        np.testing.assert_array_equal(again.samples[run].correct, samples.correct)
        assert again.samples[run].each == 4


# --- pass@k


def test_pass_at_k_is_an_error_measure_of_every_table(results, tmp_path, capsys):
    """The four samples of a problem are alike here, so that 1 - pass@k is the sampled error for every k."""
    by_k = {k: Study(results.measured_by(f"pass@{k}"), n_draws=50) for k in (1, 2, 4)}
    for k, study in by_k.items():
        assert study.error_name == f"test error of {k} samples (1 - pass@{k}) at T = 1"
        for (label, size), cell in study.cells.items():
            assert cell.error == pytest.approx(_sampled(4 if label == "step_dpo" else 1, size), abs=1e-3)
            assert cell.responses == 4 / k
    write(results, tmp_path)
    assert main(["table", str(tmp_path), "--error", "pass@4", "--draws", "50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(as_json(by_k[4])))
    only = ["--only", "error_against_n", "--out", str(tmp_path / "figures")]
    assert main(["figures", str(tmp_path), "--error", "pass@2", *only]) == 0
    assert "0.632" in (tmp_path / "figures" / "error_against_n.csv").read_text()


@given(st.lists(st.integers(0, 4), min_size=8, max_size=40), st.sampled_from([1, 2, 3, 4]))
def test_cells_of_pass_at_k_count_between_the_problems_and_the_disjoint_sets(counts, k):
    shares = Samples(np.array(counts), 4).all_incorrect(k)
    cell = Cell((0,), shares[None, :], 4 / k)
    assert cell.error == pytest.approx(np.mean([comb(4 - count, k) / comb(4, k) for count in counts]))
    assert len(counts) - 1e-9 <= cell.independent <= max(len(counts) * 4 / k + 1, len(counts))


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (
            "pass@8",
            "pass@8 needs 8 samples per problem, and the rows of {} have 4 at most: run with evaluation.samples=8",
        ),
        ("pass@", "argument --error: should be greedy, sampled or pass@K, for instance pass@4, not 'pass@'"),
        ("pass@0", "not 'pass@0'"),
        ("best", "should be greedy, sampled or pass@K"),
    ],
)
def test_measures_that_rows_lack_or_nobody_knows_are_one_line(results, tmp_path, capsys, measure, message):
    write(results, tmp_path)
    assert main(["table", str(tmp_path), "--error", measure]) == 2
    output = capsys.readouterr().err
    assert message.format(tmp_path) in output and output.count("\n") == 1
