"""Teacher data from a file: what is refused and in which words, what is left out, and runs on it."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.config.load import typed
from synth_scaling.config.naming import run_folder, run_hash
from synth_scaling.config.schema import Config, register_schemas
from synth_scaling.core.validation import ConfigError
from synth_scaling.data.options import JSONLDataOptions
from synth_scaling.data.teacher_file import Fields, TeacherData, read_teacher_data
from synth_scaling.experiment.run import run_once
from synth_scaling.sampling.engine import Engine
from synth_scaling.sweep.sweeper import register_sweeper
from synth_scaling.system.jsonl import content_digest
from synth_scaling.tasks.maze import Maze
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions

ROOT = Path(__file__).parents[2]
TASK = WordSums(WordSumsOptions(n_test=20, n_validation=10))


def row(i: int, answer: Any = None, solution: str | None = None) -> dict[str, Any]:
    answer = str(i + 2) if answer is None else answer
    solution = f"{i} + 2 = {i + 2}\n#### {i + 2}" if solution is None else solution
    return {"question": f"What is {i} plus two?", "solution": solution, "answer": answer}


def write(path: Path, rows: list[Any]) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def read(path: Path, task: Any = TASK, **fields: Any) -> TeacherData:
    return read_teacher_data(path, Fields(**fields), task)


# -- what is read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_each_row_is_a_problem_with_its_solution(tmp_path: Path, name: str) -> None:
    data = read(write(tmp_path / name, [row(i) for i in range(5)]))
    problems = data.problems("train", 5, 0)
    assert {p.prompt for p in problems} == {f"What is {i} plus two?" for i in range(5)}
    assert data.rows == 5 and data.graded_wrong == data.contaminated == 0
    for problem in problems:
        solution = data.teacher(problem, np.random.default_rng(0))
        assert problem.difficulty == len(TASK.steps(solution)) and TASK.grade(problem, solution)


@given(n=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_sizes_are_nested_and_an_order_is_a_seed(tmp_path_factory: pytest.TempPathFactory, n: int, seed: int) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    data = read(write(path, [row(i) for i in range(30)]))
    problems = data.problems("train", 30, seed)
    assert data.problems("train", n, seed) == problems[:n]
    assert sorted(p.id for p in problems) == sorted(p.id for p in data.problems("train", 30, 0))


def test_another_seed_is_another_order(tmp_path: Path) -> None:
    data = read(write(tmp_path / "t.jsonl", [row(i) for i in range(30)]))
    assert data.problems("train", 30, 0) != data.problems("train", 30, 1)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"question": "q", "solution": "out.text", "answer": "a"}, {"q": "1+2?", "out": {"text": "#### 3"}, "a": 3}),
        ({"solution": "answer"}, {"question": "1+2?", "answer": "One and two.\n#### 3"}),  # GSM8K's own format
        ({"solution": "answer", "answer": None}, {"question": "1+2?", "answer": "One and two.\n#### 3"}),
    ],
    ids=["names", "gsm8k", "no answer field"],
)
def test_fields_have_the_names_that_the_user_says(tmp_path: Path, fields: dict[str, Any], line: Any) -> None:
    (problem,) = read(write(tmp_path / "t.jsonl", [line]), **fields).problems("train", 1, 0)
    assert (problem.prompt, problem.answer) == ("1+2?", "3")


def test_rows_with_one_question_are_solutions_of_one_problem(tmp_path: Path) -> None:
    again = [row(1), row(1, solution="two more: 3\n#### 3"), row(1), {**row(1), "question": "what is  1 plus two"}]
    data = read(write(tmp_path / "t.jsonl", [*again, row(2)]))
    problem = next(p for p in data.problems("train", 2, 0) if p.answer == "3")
    drawn = {data.teacher(problem, np.random.default_rng(i)) for i in range(30)}
    assert drawn == {row(1)["solution"], "two more: 3\n#### 3"}


# -- what is left out ------------------------------------------------------------------------------------------------


def test_incorrect_solutions_and_held_out_problems_are_left_out_and_counted(tmp_path: Path) -> None:
    tested, validated = TASK.problems("test", 3, 0)[2], TASK.problems("validation", 1, 0)[0]
    rows = [
        row(1),
        row(2, solution="2 + 2 = 5\n#### 5"),
        row(3, solution="I do not know."),
        {"question": tested.prompt.upper(), "solution": f"#### {tested.answer}", "answer": tested.answer},
        {"question": validated.prompt, "solution": f"#### {validated.answer}", "answer": validated.answer},
    ]
    data = read(write(tmp_path / "t.jsonl", rows))
    assert [p.prompt for p in data.problems("train", 1, 0)] == ["What is 1 plus two?"]
    assert (data.rows, data.graded_wrong, data.contaminated) == (5, 2, 2)
    with pytest.raises(ValueError, match=r"has 1 problems to use in its 5 rows \(2 rows graded wrong, 2 overlap"):
        data.problems("train", 2, 0)


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"question": "x"', ["not JSON"]),
        ("[1]", ["object"]),
        ({"question": "x", "answer": "1"}, ["solution", "no such field"]),
        ({**row(1), "question": 7.5} | {"question": None}, ["question", "expected text"]),
        ({**row(1), "solution": ["a"]}, ["solution", "expected text"]),
        ({**row(1), "question": "  "}, ["question", "empty"]),
        (row(1, answer="seven"), ["answer", "no answer of task=word_sums", "seven"]),
        (row(1, answer=""), ["answer", "empty"]),
        (row(1, answer=True), ["answer", "expected text"]),
    ],
    ids=str,
)
def test_a_line_that_cannot_be_is_named_with_file_and_field(tmp_path: Path, line: Any, words: list[str]) -> None:
    path = write(tmp_path / "t.jsonl", [row(0), "", line, row(2)])
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}:3: ") as error:
        read(path)
    assert "\n" not in str(error.value) and [word for word in words if word not in str(error.value)] == []


def test_a_solution_without_an_answer_is_named_where_it_has_to_give_it(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [row(0), row(1, solution="I do not know.")])
    with pytest.raises(ValueError, match=r"t\.jsonl:2: solution: no answer of task=word_sums: 'I do not know\.'$"):
        read(path, answer=None)


@given(data=st.binary(max_size=200))
def test_no_file_breaks_the_reading(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"t\.jsonl:?[0-9]*: |t\.jsonl: no row"):
        read(path)


def test_a_text_outside_the_words_of_an_embedded_task_is_refused(tmp_path: Path, small_maze: Maze) -> None:
    good = small_maze.problems("train", 1, 0)[0]
    solution = small_maze.teacher(good, np.random.default_rng(0))
    rows = [{"question": good.prompt, "solution": text, "answer": good.answer} for text in (solution, "Go left.")]
    with pytest.raises(ValueError, match=r"t\.jsonl:2: solution: not in the words of task=maze"):
        read(write(tmp_path / "t.jsonl", rows), small_maze)
    assert len(read(write(tmp_path / "t.jsonl", rows[:1]), small_maze).problems("train", 1, 0)) == 1


# -- in a run --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def _hydra() -> Iterator[None]:
    register_schemas()
    register_sweeper()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield


MAZE = [
    "task.side=6",
    "task.min_distance=2",
    "task.max_distance=8",
    "task.n_test=40",
    "task.n_validation=40",
    "model.layers=2",
    "model.feedforward=64",
    "model.pretrain_documents=2000",
    "data.rollouts=2",
    "data.positives=2",
    "data.negatives=2",
    "engine.max_num_seqs=256",
    "engine.max_batched_tokens=4096",
    "rollout_policy.epochs=1",
    "method.epochs=1",
    "tracking=none",
]


def config(path: Path, *more: str) -> Config:
    return typed(compose("config", [*MAZE, "data=jsonl", f"data.path={path}", *more]))


@pytest.fixture
def mazes(tmp_path: Path) -> Path:
    """24 problems of the maze with solutions, as a user would have them."""
    task = Maze(config_task())
    rows = []
    for problem in task.problems("train", 24, 5):
        solution = task.teacher(problem, np.random.default_rng(0))
        rows.append({"question": problem.prompt, "solution": solution, "answer": problem.answer})
    return write(tmp_path / "mazes.jsonl", rows)


def config_task() -> Any:
    return typed(compose("config", MAZE)).task


def test_the_present_runs_keep_their_names() -> None:
    assert run_hash(typed(compose("config", []))) == "f7aa3b19beadcbe3"  # as before data=jsonl


def test_a_run_is_named_by_the_content_of_the_file(mazes: Path, tmp_path: Path) -> None:
    name = run_hash(config(mazes, "data.problems=20"))
    packed = tmp_path / "elsewhere.jsonl.gz"
    packed.write_bytes(gzip.compress(mazes.read_bytes()))
    assert content_digest(packed) == content_digest(mazes)
    assert run_hash(config(packed, "data.problems=20")) == name
    mazes.write_bytes(b"".join(mazes.read_bytes().splitlines(keepends=True)[:-1]))
    assert run_hash(config(mazes, "data.problems=20")) != name


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["data.problems=25"], "data.problems=25: {path} has 24 problems to use in its 24 rows"),
        (["data.question_field=prompt"], "data.path={path}:1: prompt: no such field; there is question"),
        (["data.path=/nowhere.jsonl"], "data.path=/nowhere.jsonl: no such file"),
        (["data.path="], "data.path=: needed is a JSONL file of teacher data"),
    ],
    ids=str,
)
def test_a_run_on_a_file_that_cannot_serve_is_refused(mazes: Path, overrides: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(mazes, *overrides)
    assert str(error.value).startswith(line.format(path=mazes)) and "\n" not in str(error.value)


def test_a_run_on_a_file_trains_on_its_solutions(mazes: Path, tmp_path: Path, engine: Engine) -> None:
    folders = [f"output={tmp_path}/out", f"store={tmp_path}/store"]
    c = config(mazes, "method=rft", "data.problems=20", *folders)
    row = run_once(c)
    assert row["demonstrations"] == row["problems"] == 20 and row["tested"] == 40
    assert isinstance(c.data, JSONLDataOptions)
    assert "24 problems to use in its 24 rows" in run_folder(c).log.read_text()
    # From the task itself: another D_syn, and the same base and test.
    selected = run_once(typed(compose("config", [*MAZE, "method=rft", "data.problems=20", *folders])))
    assert (
        selected["hashes"]["base"] == row["hashes"]["base"] and selected["hashes"]["pi_sft"] != row["hashes"]["pi_sft"]
    )
