"""Samples of real runs on a small maze: complete, bounded, the pair of each, and a picture's walk."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from synth_scaling.config.naming import run_folder
from synth_scaling.core.records import Problem, Response
from synth_scaling.experiment.run import run_once
from synth_scaling.experiment.samples import EACH, spread
from synth_scaling.sampling.engine import Engine
from synth_scaling.tasks.maze import Maze, MazeOptions
from tests.support.small_runs import M, configuration

METHODS = ("step_dpo", "dpo", "sft")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """The samples of each method's run, all from one store."""
    folder = tmp_path_factory.mktemp("study")
    tables = {}
    for method in METHODS:
        config = configuration(folder, f"method={method}")
        run_once(config)
        tables[method] = pq.read_table(run_folder(config).samples).to_pylist()
    return tables


def test_every_kind_is_there_and_bounded(samples: dict[str, list[dict[str, Any]]]) -> None:
    counts = Counter((row["policy"], row["correct"]) for row in samples["step_dpo"])
    assert set(counts) == {(policy, correct) for policy in ("pi_sft", "policy") for correct in (True, False)}
    assert max(counts.values()) <= EACH
    assert {row["policy"] for row in samples["sft"]} == {"policy"}


def test_values_first_errors_and_solutions_agree(samples: dict[str, list[dict[str, Any]]]) -> None:
    for row in samples["step_dpo"]:
        assert row["solution"].split()[-1] == row["answer"] == row["prompt"].split()[1]
        assert len(row["values"]) in (0, len(row["steps"]) + 1)
        assert (row["true_error"] is None) == row["correct"]
        if row["policy"] == "policy" or row["correct"]:
            assert row["first_error"] is None
        else:
            assert row["values"][row["first_error"]] == 0 and 0 not in row["values"][1 : row["first_error"]]
            assert 0 <= row["pass_rate"] <= 1 and row["sample"] in range(M)


def test_the_pair_of_an_incorrect_response_is_its_first_error_against_a_correct_completion(
    samples: dict[str, list[dict[str, Any]]],
) -> None:
    paired = [row for row in samples["step_dpo"] if row["pair_side"] == "rejected"]
    assert paired and all(row["policy"] == "pi_sft" and not row["correct"] for row in paired)
    for row in paired:
        at = row["first_error"]
        assert row["pair_prefix"] == "".join(row["steps"][: at - 1])
        assert row["pair_rejected"] == row["steps"][at - 1]
        assert row["pair_chosen"] != row["pair_rejected"]  # may be empty: the response should have ended
    assert {"rejected", ""} <= {row["pair_side"] for row in samples["dpo"]}
    for row in samples["dpo"]:
        if row["pair_side"]:
            assert "".join(row["steps"]) == row[f"pair_{row['pair_side']}"] and row["pair_prefix"] == ""
    assert {row["pair_side"] for row in samples["sft"]} == {""}


def test_walks_are_drawn_on_the_maze(samples: dict[str, list[dict[str, Any]]]) -> None:
    for row in samples["step_dpo"]:
        board = json.loads(row["board"])
        names, edges = board["names"], {frozenset(edge) for edge in board["edges"]}
        assert len(board["places"]) == len(names) == 36
        start, goal = row["prompt"].split()[:2]
        assert row["walk"][0] == names.index(start) and names[row["goal"]] == goal
        if None not in row["walk"] and row["steps"] != [""]:
            assert [names[place] for place in row["walk"][1:]] == [step.strip() for step in row["steps"]]
        if row["correct"]:
            assert all(frozenset(move) in edges for move in pairwise(row["walk"]))


def test_a_walk_off_the_board_is_marked() -> None:
    maze = Maze(MazeOptions(side=3, edge_share=1.0, min_distance=2, max_distance=4, slack=2, n_test=5, n_validation=5))
    walk = maze.walk(Problem("p", " A0 A2 :", "A2", 2), " A1 Z9 :")
    assert walk.places == (0, 1, None, None) and walk.goal == 2


def test_samples_are_spread_over_difficulties() -> None:
    problems = {str(i): Problem(str(i), "x", "y", 1 if i < 20 else i) for i in range(24)}
    responses = [Response(str(i), 0, (), True, 0) for i in range(24)]
    assert spread(responses, problems, 6) == [0, 1, 20, 21, 22, 23]
    assert spread(responses, problems, 100) == list(range(24)) and spread([], problems, 5) == []


def test_a_run_without_samples_of_its_policy_is_complete(tmp_path: Path, engine: Engine) -> None:
    config = configuration(tmp_path, "method=sft", "evaluation.problems=1")
    run_once(config)
    assert pq.read_table(run_folder(config).samples).num_rows == 1
