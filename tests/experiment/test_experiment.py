"""Whole runs on a 6 x 6 maze: every method, shared stages, the same bits again, failures, and the W&B record."""

from __future__ import annotations

import copy
import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synth_scaling.config.load import restored
from synth_scaling.config.naming import run_folder
from synth_scaling.config.needed_stages import needed_stages
from synth_scaling.core.records import NLLRow, Response, read_table
from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.experiment.run import run_once
from synth_scaling.experiment.stages import Stages
from synth_scaling.experiment.store import Store
from synth_scaling.forecast.expected_costs import stages_of
from synth_scaling.methods import METHODS
from synth_scaling.sampling.engine import Engine
from synth_scaling.tasks import make_task
from synth_scaling.tracking.tracker import NoTracker
from tests.support.small_runs import TESTED, M, N, configuration, settings
from tests.support.wandb_runs import offline

Row = dict[str, Any]
Weights = Callable[[Path], bytes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the study below: its rows and its store."""
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def study(folder: Path, engine: Engine) -> dict[str, Row]:
    """The row of every method, all from one store."""
    return {name: run_once(configuration(folder, f"method={name}", "evaluation.pass_at_k=[1,2]")) for name in METHODS}


@pytest.fixture(params=sorted(METHODS))
def row(request: pytest.FixtureRequest, study: dict[str, Row]) -> Row:
    return study[request.param]


# -- rows ----------------------------------------------------------------------------------------------------------


def test_the_row_of_every_method_is_complete_and_as_it_lies_on_disk(row: Row, folder: Path) -> None:
    place = folder / "out" / "runs" / row["run"]
    assert json.loads((place / "row.json").read_text()) == row
    assert {"DONE", "config.yaml", "log.txt", "correct.parquet"} <= {file.name for file in place.iterdir()}
    assert not (place / "error.txt").exists()
    assert (row["task"], row["seed"], row["problems"], row["rollouts"]) == ("maze", 0, N, M)
    assert row["label"] == row["method"] and row["figure"] == "size" and row["sweep"] == "single"
    assert row["config"]["method"]["name"] == row["method"] and "${" not in json.dumps(row)
    assert set(row["pass_at_k"]) == {"1", "2"} and 0 <= row["pass_at_k"]["1"] <= row["pass_at_k"]["2"] <= 1
    assert row["versions"].keys() >= {"vllm", "torch"}


def test_the_forecast_names_the_stages_of_every_method(row: Row) -> None:
    config = restored(row["config"])
    assert [stage.name for stage in stages_of(config)] == list(row["hashes"]) == list(needed_stages(config))


def test_incorrect_answers_are_counted_the_same_everywhere(row: Row, folder: Path) -> None:
    correct = pd.read_parquet(folder / "out" / "runs" / row["run"] / "correct.parquet")
    assert row["tested"] == len(correct) == correct["problem"].nunique() == TESTED
    assert row["wrong"] == TESTED - int(correct["correct"].sum())
    assert row["error"] == row["wrong"] / TESTED
    assert 0 <= row["error_low"] < row["error"] <= row["error_high"] <= 1
    assert sum(row["error_kinds"].values()) == pytest.approx(1.0 if row["wrong"] else 0.0)
    assert row["facts"]["evaluation"]["accuracy"] == pytest.approx(1 - row["error"])
    assert 0 <= row["unfinished"] <= row["wrong"]
    log = (folder / "out" / "runs" / row["run"] / "log.txt").read_text()
    facts = {name: of_stage.get("accuracy") for name, of_stage in row["facts"].items() if name != "base_evaluation"}
    warned = set(re.findall(r": (\w+): all \d+ responses are incorrect", log))
    assert warned == {name for name, accuracy in facts.items() if accuracy == 0}


def test_a_row_counts_the_data_and_the_cost_of_its_stages(row: Row) -> None:
    uses = METHODS[row["method"]].uses
    assert (row["positives_used"] > 0) == ("positives" in uses) and row["positives_used"] <= 2 * N
    assert (row["negatives_used"] > 0) == ("negatives" in uses) and row["negatives_used"] <= 2 * N
    assert row["training_rows"] == row["facts"]["policy"]["rows"] > 0
    stages = {"base", "policy", "evaluation", "pass_at_k"} | ({"pi_sft", "rollouts"} if uses else set())
    assert set(row["costs"]) == stages | (uses & {"positive_values", "negative_values", "reference_logprobs"})
    assert set(row["costs"]) == set(row["hashes"]) == set(row["seconds"]) == set(row["facts"])
    counted = [cost for name, cost in row["costs"].items() if name not in ("base", "evaluation", "pass_at_k")]
    amounts = ("tokens_trained", "tokens_sampled", "flops_training", "flops_sampling")
    for amount in amounts:
        assert row[amount] == sum(cost[amount] for cost in counted)
    for amount in (*amounts, "tokens_prompted"):  # of all stages, none of which goes by two names here
        assert row["cost_total"][amount] == sum(cost[amount] for cost in row["costs"].values())
    assert row["costs"]["evaluation"]["tokens_prompted"] > 0 == row["costs"]["policy"]["tokens_prompted"]
    assert row["usage_total"]["seconds"] == pytest.approx(sum(row["seconds"].values()))
    assert row["usage_total"]["peak_memory"] == max(use["peak_memory"] for use in row["usage"].values()) > 0
    for name, use in row["usage"].items():  # one device each; the store's clock also sees what it writes
        assert 0 < use["device_seconds"] <= row["seconds"][name]
    assert (row["tokens_sampled"] > 0) == bool(uses) and row["flops_training"] > 0


def test_data_of_each_method_has_the_size_that_its_definition_gives(study: dict[str, Row]) -> None:
    rows = {name: row["training_rows"] for name, row in study.items()}
    negatives, positives = study["dpo"]["negatives_used"], study["rft"]["positives_used"]
    assert rows["sft"] == N
    assert N <= rows["rft_filtered"] <= rows["rft"] <= N + positives
    assert rows["dpo"] == rows["dpo_edit_distance"] == negatives
    assert 0 < rows["step_dpo"] <= negatives
    assert rows["step_sft"] == N + rows["step_dpo"]
    assert rows["advantage_weighted"] == N + positives + negatives
    assert rows["reinforce"] == rows["topr"] == rows["rft"] + negatives
    assert rows["unlikelihood"] == N + negatives
    assert rows["kto"] == rows["topr"]
    assert N < rows["nft"] <= rows["topr"] and N < rows["step_reinforce"] <= rows["topr"]


def test_step_values_are_summed_up_in_the_row(row: Row) -> None:
    credit, uses = row["credit"], METHODS[row["method"]].uses
    assert 0 <= row["spurious_share"] < 1
    # No sample is correct after some trainings as short as these.
    assert (row["sampled_spurious_share"] is None) == (row["sampled_error"] == 1)
    assert 0 <= (row["sampled_spurious_share"] or 0) < 1
    if "negative_values" not in uses:
        assert credit is None
        return
    used = row["negatives_used"]
    assert sum(count for _, count in credit["pits"]) == sum(count for _, count in credit["true_pits"]) == used
    assert sum(count for _, count in credit["pit_errors"]) == used
    at = {offset: (mean, count) for offset, mean, count in credit["negative_profile"]}
    assert at[0] == (0.0, used)  # an incorrect response's first pit is its first zero
    assert at[-1][0] > 0 and at[-1][1] == used
    assert bool(credit["positive_profile"]) == ("positive_values" in uses)
    assert (credit["positive_spurious_share"] is None) == ("positive_values" not in uses)


# -- stages --------------------------------------------------------------------------------------------------------


def test_methods_share_the_stages_that_do_not_depend_on_them(study: dict[str, Row], folder: Path) -> None:
    shared = {"base", "pi_sft", "rollouts", "positive_values", "negative_values", "reference_logprobs"}
    hashes = {name: {row["hashes"][name] for row in study.values() if name in row["hashes"]} for name in shared}
    assert all(len(actual) == 1 for actual in hashes.values())
    policies = [row["hashes"]["policy"] for row in study.values()]
    assert len(set(policies)) == len(METHODS) and not set(policies) & hashes["pi_sft"]

    computed = Counter(file.parent.parent.name for file in (folder / "store").glob("*/*/stage.json"))
    policies_and_tests = {"policy": len(METHODS) + 1, "responses": 2 * len(METHODS) + 1}
    assert computed == {"base": 1, **policies_and_tests, "step_values": 2, "reference_logprobs": 1}
    assert not list((folder / "store").glob("*/*.partial"))


def test_a_second_call_computes_nothing(study: dict[str, Row], folder: Path, tmp_path: Path) -> None:
    files = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    assert run_once(configuration(folder, "method=rft", "evaluation.pass_at_k=[1,2]")) == study["rft"]
    # Elsewhere, but from the same store: every stage is found there, and the row is the same.
    again = run_once(configuration(tmp_path, "method=rft", "evaluation.pass_at_k=[1,2]", store=folder / "store"))
    assert again == study["rft"]  # with the seconds and the memory of the stages when they were computed
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()} == files


def test_pi_sft_is_the_sft_of_its_epochs_and_computed_once_for_both(
    study: dict[str, Row], tmp_path: Path, folder: Path
) -> None:
    """An `sft` run with the roll-out policy's epochs and rate finds its policy in the store."""
    run = configuration(tmp_path, "method=sft", "method.epochs=6", "method.learning_rate=2e-3", store=folder / "store")
    assert run_once(run)["hashes"]["policy"] == study["rft"]["hashes"]["pi_sft"]


def test_difficulty_is_the_pass_rate_before_the_method_and_no_cost_of_it(
    study: dict[str, Row], folder: Path, tmp_path: Path
) -> None:
    rates, rows = {}, {}
    for method in ("sft", "rft"):
        run = configuration(tmp_path, f"method={method}", "evaluation.difficulty_rollouts=4", store=folder / "store")
        rows[method] = run_once(run)
        table = pd.read_parquet(run_folder(run).correct)
        rates[method] = dict(zip(table["problem"], table["pass_rate"], strict=True))
        for amount in ("error", "tokens_trained", "tokens_sampled", "flops_training", "flops_sampling"):
            assert rows[method][amount] == study[method][amount]
    assert rates["sft"] == rates["rft"] and len(rates["sft"]) == TESTED
    assert {4 * rate for rate in rates["sft"].values()} <= {0, 1, 2, 3, 4}
    assert np.mean(list(rates["sft"].values())) == rows["sft"]["facts"]["initial_responses"]["accuracy"]
    assert rows["sft"]["hashes"]["initial_policy"] == study["rft"]["hashes"]["pi_sft"]


def test_samples_are_added_to_a_stored_run_by_one_stage_per_temperature(
    study: dict[str, Row], folder: Path, tmp_path: Path
) -> None:
    more = ("method=rft", "evaluation.samples=4", "evaluation.temperatures=[0.01]")
    run = configuration(tmp_path, *more, store=folder / "store")
    row, plain = run_once(run), study["rft"]
    lines = [json.loads(line) for line in run_folder(run).stages.read_text().splitlines()]
    assert {line["stage"] for line in lines if "seconds" in line} == {"samples_1", "samples_0.01"}  # computed here
    assert row["hashes"]["policy"] == plain["hashes"]["policy"] and row["error"] == plain["error"]
    assert all(row[amount] == plain[amount] for amount in ("tokens_trained", "tokens_sampled", "flops_sampling"))

    table = pd.read_parquet(run_folder(run).correct)
    assert list(table) == ["problem", "correct", "samples_correct", "samples"] and set(table["samples"]) == {4}
    correct = table["samples_correct"].to_numpy()
    stored = folder / "store" / "responses" / row["hashes"]["samples_1"] / "responses.parquet"
    responses = read_table(stored, Response)
    assert [(r.problem, r.sample) for r in responses] == [(p, i) for p in table["problem"] for i in range(4)]
    assert correct.tolist() == np.reshape([r.reward for r in responses], (TESTED, 4)).sum(1).tolist()
    assert 0 < correct.sum() < 4 * TESTED
    assert row["samples"] == 4 and row["sampled_error"] == pytest.approx(1 - correct.mean() / 4)
    assert row["sampled_errors"].keys() == {"1", "0.01"} and row["sampled_errors"]["1"] == row["sampled_error"]
    assert row["sampled_errors"]["0.01"] == pytest.approx(row["error"], abs=0.1)  # almost greedy
    assert 0 < row["next_step_agreement"]["1"] <= row["next_step_agreement"]["0.01"] == 1  # almost greedy: all alike
    assert set(row["pass_at_k"]) == {"1", "2", "4"}
    assert row["pass_at_k"]["1"] == pytest.approx(1 - row["sampled_error"])
    assert row["pass_at_k"]["4"] == pytest.approx((correct > 0).mean())


def test_more_traces_are_more_distinct_solutions_of_the_same_problems(
    study: dict[str, Row], folder: Path, tmp_path: Path
) -> None:
    row = run_once(configuration(tmp_path, "method=sft", "data.traces=3", store=folder / "store"))
    assert row["problems"] == N and N < row["demonstrations"] == row["training_rows"] <= 3 * N
    tables = [
        read_table(folder / "store" / "policy" / r["hashes"]["policy"] / "rows.parquet", NLLRow)
        for r in (study["sft"], row)
    ]
    once, more = ({(r.prompt, r.completion) for r in table} for table in tables)
    assert len(more) == row["training_rows"] and once < more  # all distinct, the first ones kept


# -- the same again ------------------------------------------------------------------------------------------------


def without_places(row: Row) -> Row:
    """Without what was measured when the stages were made."""
    return {key: value for key, value in copy.deepcopy(row).items() if key not in ("seconds", "usage", "usage_total")}


@pytest.mark.slow
def test_the_command_gives_the_same_row_and_the_same_weights_from_an_empty_store_in_another_process(
    study: dict[str, Row], folder: Path, weights: Weights, tmp_path: Path
) -> None:
    """There the base is trained before an engine starts, here after."""
    arguments = settings(tmp_path, "method=step_dpo", "evaluation.pass_at_k=[1,2]")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "synth_scaling", *arguments], check=True, env=environment)
    ours = study["step_dpo"]
    theirs = json.loads((tmp_path / "out" / "runs" / ours["run"] / "row.json").read_text())
    assert without_places(theirs) == without_places(ours)
    for stage, kind in (("base", "base"), ("pi_sft", "policy"), ("policy", "policy")):
        here, there = (root / "store" / kind / ours["hashes"][stage] for root in (folder, tmp_path))
        assert weights(here) == weights(there), stage
    tables = sorted(file.relative_to(tmp_path) for file in (tmp_path / "store").glob("*/*/*.parquet"))
    assert len(tables) == 6  # rows of two policies, three tables of responses, one of values
    assert all((folder / table).read_bytes() == (tmp_path / table).read_bytes() for table in tables)


def test_rollouts_in_blocks_are_the_first_of_those_of_a_run_with_more(
    study: dict[str, Row], folder: Path, tmp_path: Path
) -> None:
    """Whichever is made first: the shorter finds all its rollouts, the longer its first."""
    path = folder / "store" / "policy" / study["rft"]["hashes"]["pi_sft"]
    pi_sft = StageResult("policy", path.name, path, Cost(), 0.0, False)
    tables: dict[int, list[Response]] = {}
    computed: dict[int, int] = {}
    for m in (4, 2, 5):
        config = configuration(tmp_path, "data.rollout_block=2", f"data.rollouts={m}", "data.positives=2")
        stages = Stages(config, Store(folder / "store"), NoTracker(), make_task(config.task))
        stages.base()
        tables[m] = stages.rollouts(pi_sft, stages.task.problems("train", N, 0))
        computed[m] = sum(stage.made_here for stage in stages.done.values())
    assert computed == {4: 2, 2: 0, 5: 1}
    assert len(tables[5]) == 5 * N and [row.sample for row in tables[5]] == [*range(5)] * N
    assert tables[4] == [row for row in tables[5] if row.sample < 4]
    assert tables[2] == [row for row in tables[5] if row.sample < 2]
    assert any(a.tokens != b.tokens for a, b in zip(tables[4][::4], tables[4][2::4], strict=True))  # other draws


def test_another_seed_is_another_run_on_the_same_base(study: dict[str, Row], tmp_path: Path, folder: Path) -> None:
    other = run_once(configuration(tmp_path, "method=sft", "seed=1", store=folder / "store"))
    assert other["hashes"]["base"] == study["sft"]["hashes"]["base"]
    assert other["hashes"]["policy"] != study["sft"]["hashes"]["policy"]


# -- failures ------------------------------------------------------------------------------------------------------


def test_a_run_that_fails_leaves_its_error_and_can_be_run_again(
    study: dict[str, Row], folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="synth_scaling")  # as the command does
    diverging = configuration(tmp_path, "method=sft", "method.learning_rate=1e30", store=folder / "store")
    for _ in range(2):
        with pytest.raises(FloatingPointError, match="training diverged"):
            run_once(diverging)
        place = run_folder(diverging).path
        assert "FloatingPointError" in (place / "error.txt").read_text()
        assert "failed after" in (place / "log.txt").read_text()
        assert not run_folder(diverging).is_done and not (place / "row.json").exists()
    policies = [json.loads(file.read_text()) for file in (folder / "store").glob("policy/*/stage.json")]
    assert all(policy["key"]["method"]["learning_rate"] < 1 for policy in policies)

    # The error of an earlier attempt goes away with the attempt that succeeds.
    fine = configuration(tmp_path, "method=sft", store=folder / "store")
    run_folder(fine).path.mkdir(parents=True)
    run_folder(fine).error.write_text("an earlier attempt")
    run_once(fine)
    assert run_folder(fine).is_done and not run_folder(fine).error.exists()


# -- W&B -----------------------------------------------------------------------------------------------------------


def test_an_offline_wandb_run_holds_the_rows_numbers_the_curves_and_the_configuration(
    study: dict[str, Row], folder: Path, tmp_path: Path
) -> None:
    more = ("method=step_dpo", "sweep=trial", "tracking=wandb", "tracking.mode=offline")
    config = configuration(tmp_path, *more, store=folder / "store")
    row = run_once(config)
    actual = offline(run_folder(config).path)  # one alone: no stage was trained for it
    assert (actual.run.run_group, actual.run.project, actual.run.job_type) == ("trial", "synth-scaling", "run")
    assert list(actual.run.tags) == ["maze", "step_dpo", "size", "tiny"]
    assert {key: actual.config[key] for key in row["config"]} == row["config"]
    assert {key: actual.summary[key] for key in row if key != "config"} == {k: row[k] for k in row if k != "config"}
    assert sum("policy/loss" in point for point in actual.history) >= 2
    assert not any("base/loss" in point for point in actual.history)  # all runs have it: it is in a run of its own
    assert sum("pi_sft/loss" in point for point in actual.history) >= 1  # made by another run, shown all the same
    assert actual.axes["policy/*"] == "policy/step" and actual.axes["pi_sft/*"] == "pi_sft/step"
    trained = [point for point in actual.history if "policy/loss" in point]
    for point in trained:
        chosen, rejected, margin = (point[f"policy/logps/{name}"] for name in ("chosen", "rejected", "margin"))
        assert margin == pytest.approx(chosen - rejected)
    assert [(p["result/N"], p["result/error"]) for p in actual.history if "result/N" in p] == [(N, row["error"])]
    assert actual.exit_codes == [0]

    table = actual.table("own_responses")
    selected = [dict(zip(table["columns"], line, strict=True)) for line in table["data"]]
    assert any(line["first pit"] for line in selected) and all(line["prompt"].endswith(" :") for line in selected)
    for line in selected:
        steps, values = line["steps"].split(" | "), [float(q) for q in line["values Q_0..Q_L"].split()]
        assert len(values) in (0, len(steps) + 1)
        pits = [place for place, step in enumerate(steps, start=1) if step.startswith(">>") and step.endswith("<<")]
        assert pits == ([line["first pit"]] if line["first pit"] else [])
        if pits:  # the values are rounded, and 0 is the lowest there is
            assert line["reward"] == 0 and values[pits[0]] == 0
    stages = {line[0]: line for line in actual.table("stages")["data"]}
    assert set(stages) == set(row["costs"]) and all(stages[name][1] == row["hashes"][name] for name in stages)
    assert {"own_responses", "test_responses", "correct", "stages"} <= set(actual.summary)


def test_the_wandb_run_of_a_run_that_fails_is_finished_with_exit_code_1(
    study: dict[str, Row], folder: Path, tmp_path: Path
) -> None:
    more = ("method=sft", "method.learning_rate=1e30", "tracking=wandb", "tracking.mode=offline")
    config = configuration(tmp_path, *more, store=folder / "store")
    with pytest.raises(FloatingPointError):
        run_once(config)
    assert offline(run_folder(config).path).exit_codes == [1]
