"""Responses from a file: what is refused and counted, and runs whose rollouts they are."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.config.naming import run_folder, run_hash
from synth_scaling.core.records import Problem, Response, read_table
from synth_scaling.core.stage import Cost
from synth_scaling.core.validation import ConfigError
from synth_scaling.data.rollouts_file import GivenResponse, read_rollouts
from synth_scaling.experiment.given import given_tokens
from synth_scaling.experiment.run import run_once
from synth_scaling.forecast.expected_costs import stages_of
from synth_scaling.models.codec import Codec
from synth_scaling.sampling.engine import Engine
from synth_scaling.tasks.maze import Maze
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions
from tests.support.small_runs import M, N, configuration

TASK = WordSums(WordSumsOptions(n_test=20, n_validation=10))
PROBLEMS = [Problem(f"train/{i}", f"What is {i} plus two?", str(i + 2), 1) for i in range(4)]


def row(i: int, answer: Any = None, **more: Any) -> dict[str, Any]:
    return {"question": f"What is {i} plus two?", "response": f"#### {i + 2 if answer is None else answer}", **more}


def write(path: Path, rows: list[Any]) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_the_first_responses_to_each_problem_are_used_in_the_order_of_the_file(tmp_path: Path, name: str) -> None:
    rows = [row(1), row(0, 7), row(1, 9), row(1), row(3, finished=False), {**row(0), "question": "what is 0  plus Two"}]
    selected = read_rollouts(write(tmp_path / name, [*rows, row(9), row(8)]), TASK).select(PROBLEMS, 2)
    assert [(problem.id, given.line) for problem, given in selected.responses] == [
        ("train/0", 2),
        ("train/0", 6),
        ("train/1", 1),
        ("train/1", 3),
        ("train/3", 5),
    ]
    assert [given.finished for _, given in selected.responses] == [True] * 4 + [False]
    assert (selected.rows, selected.other_questions, selected.beyond) == (8, 2, 1)
    assert (selected.problems_without, selected.problems_with_fewer) == (1, 1)
    assert str(selected) == (
        "5 of 8 rows are used; 2 ask other questions than the training problems; 1 are beyond data.rollouts; "
        "1 training problems have no response in the file, 1 fewer than data.rollouts"
    )


@given(
    asked=st.lists(st.integers(0, 6), min_size=1, max_size=40).filter(lambda asked: min(asked) < len(PROBLEMS)),
    n=st.integers(1, 5),
)
def test_every_row_is_used_or_counted(tmp_path_factory: pytest.TempPathFactory, asked: list[int], n: int) -> None:
    path = write(tmp_path_factory.mktemp("r") / "r.jsonl", [row(i) for i in asked])
    selected = read_rollouts(path, TASK).select(PROBLEMS, n)
    assert len(selected.responses) + selected.other_questions + selected.beyond == selected.rows == len(asked)
    per_problem = [sum(problem.id == p.id for p, _ in selected.responses) for problem in PROBLEMS]
    assert per_problem == [min(n, asked.count(i)) for i in range(len(PROBLEMS))]
    assert selected.problems_without == per_problem.count(0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"question": "x"', "not JSON"),
        ("[1]", "expected a JSON object"),
        ({"question": "x"}, "response: no such field; there is question"),
        ({**row(1), "response": None}, "response: expected text, found NoneType"),
        ({**row(1), "question": 7}, "question: expected text, found int"),
        ({**row(1), "question": " "}, "question: empty"),
        (row(1, correct="yes"), "correct: 'yes': allowed are true and false"),
        (row(1, correct=2), "correct: 2: allowed are true and false"),
        (row(1, tokens=[1, -2]), "tokens: allowed is a list of token ids"),
        (row(1, tokens="1 2"), "tokens: allowed is a list of token ids"),
        (row(1, finished=[]), r"finished: \[\]: allowed are true and false"),
    ],
    ids=str,
)
def test_a_line_that_cannot_be_is_named_with_file_and_field(tmp_path: Path, line: Any, words: str) -> None:
    path = write(tmp_path / "r.jsonl", [row(0), "", line, row(2)])
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}:3: .*{words}") as error:
        read_rollouts(path, TASK)
    assert "\n" not in str(error.value)


@given(data=st.binary(max_size=200))
def test_no_file_breaks_the_reading(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("r") / "r.jsonl"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"r\.jsonl:?[0-9]*: |r\.jsonl: no row"):
        read_rollouts(path, TASK)


def test_words_that_an_embedded_task_lacks_are_refused(tmp_path: Path, small_maze: Maze) -> None:
    problem = small_maze.problems("train", 1, 0)[0]
    rows = [{"question": problem.prompt, "response": text} for text in (small_maze.teacher(problem, rng()), "Left.")]
    with pytest.raises(ValueError, match=r"r\.jsonl:2: response: not in the words of task=maze"):
        read_rollouts(write(tmp_path / "r.jsonl", rows), small_maze)


def test_token_ids_are_used_where_they_decode_to_the_text(codec: Codec) -> None:
    text = codec.decode(codec.encode(" A1 A2 A3"))
    pad, path = codec.tokenizer.pad_token_id, Path("r.jsonl")
    with_pad = GivenResponse(1, codec.decode((*codec.encode(" A1"), pad)), True, None, (*codec.encode(" A1"), pad))
    assert given_tokens(path, with_pad, codec) == with_pad.tokens  # no text is encoded as a special token
    for other in (codec.encode(" A1 A2"), (10**6,), None):
        assert given_tokens(path, GivenResponse(1, text, True, None, other), codec) == codec.encode(text)
    with pytest.raises(ValueError, match=r"^r\.jsonl:3: response: the tokenizer does not"):
        given_tokens(path, GivenResponse(3, "Left.", True, None), codec)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# -- in a run --------------------------------------------------------------------------------------------------------


@pytest.fixture
def sampled(tmp_path: Path) -> Path:
    """Two correct and two incorrect responses to each problem of the mini run; one label in 48 is wrong."""
    c = configuration(tmp_path)
    task, rows = Maze(c.task), []  # type: ignore[arg-type]
    for problem in task.problems("train", N, 0):
        good = task.teacher(problem, rng())
        other = next(p for p in task.problems("train", N, 0) if not task.grade(problem, task.teacher(p, rng())))
        bad = task.teacher(other, rng())
        rows += [{"question": problem.prompt, "response": text, "correct": text == good} for text in (good, bad)]
        rows += [
            {"question": problem.prompt, "response": bad},
            {"question": problem.prompt, "response": good + good * 4},
        ]
    rows[0]["correct"] = False
    return write(tmp_path / "sampled.jsonl", rows)


def test_a_run_trains_on_the_responses_of_a_file_with_our_grades(tmp_path: Path, sampled: Path, engine: Engine) -> None:
    settings = [f"data.rollouts_path={sampled}", "credit.rollouts=2"]
    c = configuration(tmp_path, "method=step_dpo", *settings)
    row = run_once(c)
    facts = row["facts"]["rollouts"]
    assert (facts["labels"], facts["labels_differ"]) == (2 * N, 1) and facts["accuracy"] == 0.25
    assert row["costs"]["rollouts"]["tokens_sampled"] == 0 and row["negatives_used"] > N
    text = run_folder(c).log.read_text()
    assert f"{sampled}: {M * N} of {M * N} rows are used; accuracy 25.0 % by our grades; 1 of {2 * N} labels" in text
    assert f"; {facts['cut']} responses were cut at 9 tokens" in text and facts["cut"] == N
    # The rollouts are stored once: a method that shares them reuses them, whatever its pi_sft.
    again = run_once(configuration(tmp_path, "method=rft", "rollout_policy.epochs=3", *settings))
    assert (
        again["hashes"]["rollouts"] == row["hashes"]["rollouts"]
        and again["hashes"]["pi_sft"] != row["hashes"]["pi_sft"]
    )
    assert again["positives_used"] == N
    stored = read_table(Path(c.store) / "responses" / row["hashes"]["rollouts"] / "responses.parquet", Response)
    assert [r.sample for r in stored[:M]] == list(range(M)) and [r.reward for r in stored[:M]] == [1, 0, 0, 0]


def test_a_run_is_named_by_the_content_of_the_file_and_unchanged_without_one(tmp_path: Path, sampled: Path) -> None:
    plain = configuration(tmp_path, "method=rft")
    name = run_hash(configuration(tmp_path, "method=rft", f"data.rollouts_path={sampled}"))
    assert name != run_hash(plain) == run_hash(configuration(tmp_path, "method=rft", "data.rollouts_path="))
    packed = tmp_path / "elsewhere.jsonl.gz"
    packed.write_bytes(gzip.compress(sampled.read_bytes()))
    assert run_hash(configuration(tmp_path, "method=rft", f"data.rollouts_path={packed}")) == name
    sampled.write_bytes(sampled.read_bytes() + json.dumps({"question": "?", "response": ""}).encode())
    assert run_hash(configuration(tmp_path, "method=rft", f"data.rollouts_path={sampled}")) != name


def test_rollouts_from_a_file_cost_nothing_in_a_forecast(tmp_path: Path, sampled: Path) -> None:
    def costs(*more: str) -> Mapping[str, Cost]:
        return {stage.name: stage.cost for stage in stages_of(configuration(tmp_path, "method=rft", *more))}

    assert costs(f"data.rollouts_path={sampled}")["rollouts"] == Cost() != costs()["rollouts"]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["data.rollouts_path=/nowhere.jsonl"], "data.rollouts_path=/nowhere.jsonl: no such file"),
        (["data.rollout_block=2"], "data.rollout_block=2: allowed is null with data.rollouts_path"),
        (["task.world_seed=7"], "data.rollouts_path={path}: none of its 96 rows asks one of the 24 training problems"),
    ],
    ids=str,
)
def test_a_file_that_cannot_serve_is_refused_at_launch(
    tmp_path: Path, sampled: Path, overrides: list[str], line: str
) -> None:
    if "world_seed" in overrides[0]:  # questions of another world
        rows = [json.loads(text) for text in sampled.read_text().splitlines()]
        write(sampled, [{**row, "question": row["question"] + row["question"]} for row in rows])
        overrides = []
    with pytest.raises(ConfigError) as error:
        configuration(tmp_path, "method=rft", f"data.rollouts_path={sampled}", *overrides)
    assert str(error.value) == line.format(path=sampled)
