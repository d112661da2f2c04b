from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.data.cells import size_cells
from analysis.data.results import collect, load
from analysis.errors import InputError


def test_answers_are_aligned_on_the_sorted_problems(tmp_path, write_run):
    row = write_run(tmp_path, 0.3, tested=50)
    results = load(tmp_path)
    assert results.problems["maze"] == tuple(sorted(f"test/{index}" for index in range(50)))
    stored = pd.read_parquet(tmp_path / "runs" / row["run"] / "correct.parquet").set_index("problem")["correct"]
    np.testing.assert_array_equal(results.correct[row["run"]], stored.sort_index().to_numpy())


def test_collected_layout_reads_back_the_same_and_is_the_same_bytes_again(simulated, tmp_path):
    count = collect([simulated], tmp_path / "once")
    live, collected = load(simulated), load(tmp_path / "once")
    assert count == len(live.rows) == 99
    pd.testing.assert_frame_equal(live.rows, collected.rows)
    assert all((live.correct[run] == collected.correct[run]).all() for run in live.correct)
    collect([tmp_path / "once"], tmp_path / "again")
    for name in ("rows.jsonl", "correct.parquet"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_two_sweeps_are_collected_as_one_study_but_no_run_twice(tmp_path, write_run):
    write_run(tmp_path / "one", 0.3, tested=8)
    write_run(tmp_path / "other", 0.3, tested=8, seed=1)
    assert collect([tmp_path / "one", tmp_path / "other"], tmp_path / "both") == 2
    assert set(load(tmp_path / "both").rows["seed"]) == {0, 1}
    with pytest.raises(InputError, match="appears twice"):
        collect([tmp_path / "one", tmp_path / "both"], tmp_path / "twice")
    assert not (tmp_path / "twice").exists()


def test_pass_rates_are_aligned_preserved_when_collected_and_checked(tmp_path, write_run):
    row, other = write_run(tmp_path / "live", 0.3, tested=8), write_run(tmp_path / "live", 0.3, tested=8, seed=1)
    file = tmp_path / "live" / "runs" / row["run"] / "correct.parquet"
    answers = pd.read_parquet(file)
    answers["pass_rate"] = answers["problem"].str.removeprefix("test/").astype(int) / 8
    answers.to_parquet(file, index=False)
    collect([tmp_path / "live"], tmp_path / "collected")
    for folder in ("live", "collected"):
        results = load(tmp_path / folder)
        assert set(results.pass_rate) == {row["run"]} and other["run"] in results.correct
        np.testing.assert_array_equal(results.pass_rate[row["run"]], np.arange(8) / 8)
    answers["pass_rate"] += 1
    answers.to_parquet(file, index=False)
    with pytest.raises(InputError, match="pass_rate outside"):
        load(tmp_path / "live")


def test_a_folder_without_a_row_is_a_run_under_way(tmp_path, write_run):
    write_run(tmp_path, 0.3)
    (tmp_path / "runs" / "unfinished").mkdir()
    assert len(load(tmp_path).rows) == 1


def test_runs_that_the_last_launch_did_not_plan_are_left_out(tmp_path, write_run):
    retained, _ = write_run(tmp_path, 0.3), write_run(tmp_path, 0.4, seed=1)
    (tmp_path / "plan.json").write_text(json.dumps({"runs": [{"name": retained["run"]}, {"name": "not-yet-run"}]}))
    assert list(load(tmp_path).rows["run"]) == [retained["run"]]


def _edit(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        row = json.loads((run / "row.json").read_text())
        change(row)
        (run / "row.json").write_text(json.dumps(row))

    return apply


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda run: (run / "row.json").write_text("{"), r"row\.json: not valid JSON"),
        (lambda run: (run / "row.json").write_text("[1]"), r"row\.json: expected a JSON object, got list"),
        (_edit(lambda row: row.pop("label")), r"row\.json: the field 'label' is missing"),
        (_edit(lambda row: row.update(seed=True)), r"'seed' should be int, found True"),
        (_edit(lambda row: row.update(wrong=1.5)), r"'wrong' should be int, found 1\.5"),
        (_edit(lambda row: row.update(problems=0)), r"'problems' should be at least 1"),
        (_edit(lambda row: row.update(wrong=400)), r"counts 400 of 400 incorrect, correct\.parquet \d+ of 400"),
        (lambda run: (run / "correct.parquet").unlink(), r"correct\.parquet: cannot be read"),
        (lambda run: (run / "correct.parquet").write_text("no parquet"), r"correct\.parquet: cannot be read"),
        (
            lambda run: pd.DataFrame({"problem": ["a"], "correct": [0.5]}).to_parquet(run / "correct.parquet"),
            r"correct\.parquet: expected the columns problem, correct with a boolean",
        ),
        (
            lambda run: pd.DataFrame({"problem": ["a", "a"], "correct": [True] * 2}).to_parquet(
                run / "correct.parquet"
            ),
            r"answers a problem of run \S+ twice",
        ),
    ],
)
def test_bad_runs_are_named(tmp_path, write_run, harm, message):
    row = write_run(tmp_path, 0.3)
    harm(tmp_path / "runs" / row["run"])
    with pytest.raises(InputError, match=message):
        load(tmp_path)


def test_a_bad_line_of_the_collected_layout_is_named(tmp_path, write_run):
    write_run(tmp_path / "live", 0.3, seed=0)
    write_run(tmp_path / "live", 0.3, seed=1)
    collect([tmp_path / "live"], tmp_path / "rows")
    path = tmp_path / "rows" / "rows.jsonl"
    first, second = path.read_text().splitlines()
    path.write_text(first + "\n" + second.replace('"method"', '"metod"') + "\n")
    with pytest.raises(InputError, match=r"rows\.jsonl, line 2: the field 'method' is missing"):
        load(tmp_path / "rows")
    path.write_text(first + "\n" + first + "\n")
    with pytest.raises(InputError, match=r"line 2: run \S+ appears twice"):
        load(tmp_path / "rows")


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "missing")
    with pytest.raises(InputError, match="no rows \\(neither"):
        load(tmp_path)


def test_runs_of_a_task_must_share_their_test_problems(tmp_path, write_run):
    write_run(tmp_path, 0.3, seed=0)
    write_run(tmp_path, 0.3, seed=1, tested=399)
    with pytest.raises(InputError, match=r"tested on other problems than run \S+ of the same task, maze \(1 are in"):
        load(tmp_path)


def test_two_runs_of_a_seed_at_one_point_are_refused(tmp_path, write_run):
    write_run(tmp_path, 0.3, run="a")
    write_run(tmp_path, 0.4, run="b", sweep="other")
    with pytest.raises(InputError, match="runs a and b are both label sft, problems 100, seed 0"):
        size_cells(load(tmp_path))
    assert len(size_cells(load(tmp_path).select(sweep="other"))) == 1


def test_tasks_are_not_mixed(tmp_path, write_run):
    write_run(tmp_path, 0.3, run="a")
    write_run(tmp_path, 0.3, run="b", task="collect", tested=30)
    results = load(tmp_path)
    with pytest.raises(InputError, match=r"several tasks \(collect, maze\)"):
        size_cells(results)
    assert size_cells(results.select(task="collect"))["sft", 100].wrong.shape == (1, 30)
    with pytest.raises(InputError, match="no rows of task 'gsm8k'; there are: collect, maze"):
        results.select(task="gsm8k")


def test_samples_are_aligned_kept_when_collected_and_checked(tmp_path, write_run):
    row, other = write_run(tmp_path / "live", 0.3, tested=8), write_run(tmp_path / "live", 0.3, tested=8, seed=1)
    place = tmp_path / "live" / "runs" / row["run"]
    answers = pd.read_parquet(place / "correct.parquet")
    answers["samples_correct"] = answers["problem"].str.removeprefix("test/").astype(int) % 5
    answers["samples"] = 4
    answers.to_parquet(place / "correct.parquet", index=False)
    correct = np.arange(8) % 5
    (place / "row.json").write_text(json.dumps(row | {"sampled_error": 1 - correct.mean() / 4}))
    collect([tmp_path / "live"], tmp_path / "collected")
    for folder in ("live", "collected"):
        results = load(tmp_path / folder)
        assert set(results.samples) == {row["run"]} and other["run"] in results.correct
        np.testing.assert_array_equal(results.samples[row["run"]].correct, correct)
        assert results.samples[row["run"]].each == 4
        np.testing.assert_allclose(results.measured_by("sampled").incorrect(row["run"]), 1 - correct / 4)
        np.testing.assert_array_equal(results.incorrect(row["run"]), ~results.correct[row["run"]])
    (place / "row.json").write_text(json.dumps(row | {"sampled_error": 0.9}))
    with pytest.raises(InputError, match=r"sampled_error is 0\.9, that of correct\.parquet 0\.59375"):
        load(tmp_path / "live")
    answers.loc[0, "samples"] = 3
    answers.to_parquet(place / "correct.parquet", index=False)
    with pytest.raises(InputError, match="equally many samples per problem"):
        load(tmp_path / "live")
