"""The tasks in words: what they promise together, then each from its own data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synth_scaling.core.records import Problem
from synth_scaling.system.jsonl import write_rows
from synth_scaling.tasks.gsm8k import GSM8K, GSM8KOptions
from synth_scaling.tasks.gsm_symbolic import GSMSymbolic, GSMSymbolicOptions
from synth_scaling.tasks.hendrycks_math import MATH, MATHOptions
from synth_scaling.tasks.questions import QuestionTask, normalised
from synth_scaling.tasks.streams import MAX_REPEATS, Streams
from synth_scaling.tasks.task import EmbeddedTask, embedded, grade_all
from synth_scaling.tasks.word_sums import PAIRS, TEMPLATES, WordSums, WordSumsOptions
from tests.support.shared_data import DATA, needs_shared

RNG = np.random.default_rng(0)


def gsm8k_rows(n: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"question": f"Ann has {i} hats. How many?", "answer": f"She has <<{i}+0={i}>>{i}.\nSo {i:,}.\n#### {i:,}"}
        for i in range(first, first + n)
    ]


def math_rows(n: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "problem": f"Find $x$ if $2x={i}$.",
            "level": f"Level {1 + i % 5}",
            "type": "Algebra",
            "solution": f"Divide by 2. \\[x = \\frac{{{i}}}{{2}}.\\] So $x = \\boxed{{\\frac{{{i}}}{{2}}}}$.",
        }
        for i in range(first, first + n)
    ]


@pytest.fixture
def gsm8k_folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "train.jsonl.gz", gsm8k_rows(40))
    write_rows(tmp_path / "test.jsonl", gsm8k_rows(10, 35))  # five of them are in train, too
    return tmp_path


@pytest.fixture
def math_folder(tmp_path: Path) -> Path:
    dirt = [
        {**math_rows(1, 900)[0], "solution": "Nothing: \\boxed{}."},
        {**math_rows(1, 901)[0], "level": "Level ?"},
    ]
    write_rows(tmp_path / "train.jsonl", [*math_rows(30), *dirt])
    write_rows(tmp_path / "test.jsonl", math_rows(10, 100))
    write_rows(tmp_path / "math500.jsonl", math_rows(4, 103))
    return tmp_path


def promises(task: QuestionTask, n: int = 20) -> None:
    """Properties that every task in words has."""
    train = task.problems("train", n, 0)
    assert task.problems("train", n // 2, 0) == train[: n // 2] and task.problems("train", n, 0) == train
    assert task.problems("train", n, 1) != train
    splits = {split: task.problems(split, None, 0) for split in ("validation", "test")}
    assert splits == {split: task.problems(split, None, 5) for split in ("validation", "test")}
    texts = [normalised(p.prompt) for p in [*train, *splits["validation"], *splits["test"]]]
    assert len(set(texts)) == len(texts)
    for problem in [*train, *splits["test"]]:
        solution = task.teacher(problem, RNG)
        steps = task.steps(solution)
        assert task.grade(problem, solution), (problem, solution)
        assert "".join(steps) == solution and steps
        assert task.true_pit(problem, solution) is None and task.spurious_steps(problem, solution) is None
    with pytest.raises(ValueError, match=f"task={task.name}: say how many train problems"):
        task.problems("train", None, 0)
    with pytest.raises(ValueError, match=rf"task={task.name} has {len(splits['test'])} test problems, 99999 asked for"):
        task.problems("test", 99999, 0)
    with pytest.raises(ValueError, match=f"task={task.name}: no solution of x"):
        task.teacher(Problem("x", "never asked", "1", 1), RNG)
    assert not isinstance(task, EmbeddedTask)
    with pytest.raises(ValueError, match=f"task={task.name} has no vocabulary"):
        embedded(task)


# -- gsm8k -----------------------------------------------------------------------------------------------------------


def test_gsm8k_from_files(gsm8k_folder: Path) -> None:
    task = GSM8K(GSM8KOptions(path=str(gsm8k_folder), n_validation=5))
    promises(task)
    assert task.repeated == 5 and len(task.problems("train", 30, 0)) == 30
    problem = task.problems("test", 1, 0)[0]
    assert problem == Problem("test/0", "Ann has 35 hats. How many?", "35", 2)
    assert task.teacher(problem, RNG) == "She has 35.\nSo 35.\n#### 35"
    assert task.steps("a\nb\n#### 5") == ["a\n", "b\n", "#### 5"]


def test_gsm8k_keeps_annotations_if_asked(gsm8k_folder: Path) -> None:
    task = GSM8K(GSM8KOptions(path=str(gsm8k_folder), n_validation=5, annotations=True))
    problem = task.problems("test", 1, 0)[0]
    assert task.teacher(problem, RNG).startswith("She has <<35+0=35>>35.") and task.grade(problem, "#### 35")


def test_gsm8k_validation_moves_with_the_world_seed_alone(gsm8k_folder: Path) -> None:
    prompts = [
        {
            p.prompt
            for p in GSM8K(GSM8KOptions(path=str(gsm8k_folder), n_validation=5, world_seed=s)).problems(
                "validation", 5, 0
            )
        }
        for s in (0, 0, 1)
    ]
    assert prompts[0] == prompts[1] != prompts[2]


def test_the_hub_is_read_like_files(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` reads a folder as it reads the hub."""
    import datasets

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    folder = tmp_path_factory.mktemp("hub")  # `datasets` takes a folder called test for a split
    write_rows(folder / "train.jsonl", gsm8k_rows(40))
    write_rows(folder / "test.jsonl", gsm8k_rows(10, 35))
    options = GSM8KOptions(hub=str(folder), subsets=[], n_validation=5)
    theirs, ours = GSM8K(options), GSM8K(GSM8KOptions(path=str(folder), n_validation=5))
    assert theirs.problems("test", None, 0) == ours.problems("test", None, 0)
    assert theirs.problems("train", 30, 1) == ours.problems("train", 30, 1)
    with pytest.raises(ValueError, match=r"task\.hub=.*: default/none at .* could not be loaded .*; download https://"):
        GSM8K(replace(options, test_parts=["none"]))


@pytest.mark.parametrize(
    ("response", "finished", "kind"),
    [
        ("#### 3", False, "unfinished"),
        ("It is 3.", True, "no_answer"),
        ("#### three", True, "unreadable_answer"),
        ("#### 3", True, "wrong_answer"),
    ],
)
def test_error_kinds(gsm8k_folder: Path, response: str, finished: bool, kind: str) -> None:
    task = GSM8K(GSM8KOptions(path=str(gsm8k_folder), n_validation=5))
    assert task.error_kind(task.problems("test", 1, 0)[0], response, finished) == kind


@needs_shared
def test_gsm8k_itself() -> None:
    task = GSM8K(GSM8KOptions(path=str(DATA / "gsm8k")))
    test, validation = task.problems("test", None, 0), task.problems("validation", None, 0)
    train = task.problems("train", 7473 - 500 - task.repeated, 0)
    assert (len(test), len(validation), task.repeated) == (1319, 500, 0)
    everything = [*train, *validation, *test]
    assert len({normalised(p.prompt) for p in everything}) == 8792
    solutions = [task.teacher(p, RNG) for p in everything]
    assert not any("<<" in solution for solution in solutions)
    assert all(grade_all(task, list(zip(everything, solutions, strict=True))).rewards)
    assert {p.difficulty for p in test} <= set(range(1, 13))


# -- math ------------------------------------------------------------------------------------------------------------


def test_math_from_files(math_folder: Path) -> None:
    task = MATH(MATHOptions(path=str(math_folder), n_validation=5))
    promises(task)
    assert (task.repeated, task.unanswered) == (0, 1)
    problem = task.problems("test", 1, 0)[0]
    assert problem == Problem("test/0", "Find $x$ if $2x=100$.", r"\frac{100}{2}", 1)
    grades = task.grade_all(
        [(problem, text) for text in (r"\boxed{50}", r"\boxed{51}", "$50$", r"\boxed{x=\frac{100}{2}}")]
    )
    assert grades.rewards == [True, False, False, True] and grades.over_bound == 0
    assert {p.difficulty for p in task.problems("train", 26, 0)} | {0} == set(range(6))
    assert task.steps("So \\[x. y\\] is. It.") == ["So ", "\\[x. y\\] ", "is. ", "It."]


def test_the_usual_split_of_math(math_folder: Path) -> None:
    """Test problems outside the tested 500 join train; the 500 leave it."""
    options = MATHOptions(path=str(math_folder), train_parts=["train", "test"], test_parts=["math500"], n_validation=1)
    task = MATH(options)
    assert len(task.problems("test", None, 0)) == 4 and task.repeated == 4
    assert len(task.problems("train", 31 + 10 - 4 - 1, 0)) == 36


def test_levels_that_are_not_given_are_zero(math_folder: Path) -> None:
    task = MATH(MATHOptions(path=str(math_folder), n_validation=0))
    assert [p.prompt for p in task.problems("train", 31, 0) if p.difficulty == 0] == ["Find $x$ if $2x=901$."]


def test_a_response_over_its_bound_is_counted(math_folder: Path) -> None:
    task = MATH(MATHOptions(path=str(math_folder), n_validation=0, grading_bound=2.0))
    problem = task.problems("test", 1, 0)[0]
    grades = task.grade_all(
        [(problem, r"\boxed{50}"), (problem, r"\boxed{9^{9^{9^{9}}}}"), (problem, r"\boxed{50+0x}")]
    )
    assert grades.rewards == [True, False, True] and grades.over_bound == 1


# -- gsm_symbolic ----------------------------------------------------------------------------------------------------


def test_gsm_symbolic() -> None:
    pytest.importorskip("reasoning_gym", reason="the extra `words` is not installed")
    task = GSMSymbolic(GSMSymbolicOptions(n_test=50, n_validation=20))
    promises(task, 100)
    assert len(task.problems("train", 3000, 0)) == 3000
    assert task.drawn >= 3000 and task.dropped == 0
    assert not any("Give the result" in p.prompt for p in task.problems("train", 100, 0))
    again = GSMSymbolic(GSMSymbolicOptions(n_test=50, n_validation=20))
    assert again.problems("train", 200, 0) == task.problems("train", 200, 0)


# -- word_sums -------------------------------------------------------------------------------------------------------


def test_word_sums() -> None:
    task = WordSums(WordSumsOptions())
    promises(task, 300)
    pairs = {split: {_pair(p) for p in task.problems(split, n, 0)} for split, n in (("test", 500), ("validation", 200))}
    train = {_pair(p) for p in task.problems("train", 5000, 0)}
    assert len(pairs["test"]) == 500 and len(pairs["validation"]) == 200
    assert not train & pairs["test"] and not train & pairs["validation"] and not pairs["test"] & pairs["validation"]
    assert train <= set(PAIRS) and len(PAIRS) == 90 * 91 / 2


def _pair(problem: Problem) -> tuple[int, ...]:
    """The two numbers, which are the prompt's only ones and sum to the answer."""
    numbers = sorted(int(word) for word in "".join(c if c.isdigit() else " " for c in problem.prompt).split())
    assert len(numbers) == 2 and sum(numbers) == int(problem.answer)
    return tuple(numbers)


def test_word_sums_by_hand() -> None:
    task = WordSums(WordSumsOptions())
    problem = next(p for p in task.problems("train", 500, 0) if p.answer == "100" and p.difficulty == 2)
    a, b = (int(w) for w in "".join(c if c.isdigit() else " " for c in problem.prompt).split())
    solution = task.steps(task.teacher(problem, RNG))
    if not solution[0].startswith(f"Tens: {a - a % 10} "):
        a, b = b, a
    assert solution == [
        f"Tens: {a - a % 10} + {b - b % 10} = {100 - a % 10 - b % 10}\n",
        f"Units: {a % 10} + {b % 10} = {a % 10 + b % 10}\n",
        f"Total: {100 - a % 10 - b % 10} + {a % 10 + b % 10} = 100\n",
        "#### 100",
    ]
    direct = WordSums(WordSumsOptions(solution="direct"))
    assert direct.problems("train", 500, 0) == task.problems("train", 500, 0)
    assert direct.steps(direct.teacher(problem, RNG)) == [f"{a} + {b} = 100\n", "#### 100"]
    prompts = " ".join(p.prompt for p in task.problems("train", 500, 0))
    assert all(template.split("{")[-1].split("}")[-1] in prompts for template in TEMPLATES) and "{" not in prompts


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (GSM8KOptions(), "task.path=null: task=gsm8k needs its files; download https://"),
        (MATHOptions(), "task.path=null: task=math needs its files; download https://"),
        (GSM8KOptions(path="/nowhere"), "no test.jsonl, test.jsonl.gz or test.parquet there; download https://"),
        (GSM8KOptions(path="/nowhere"), "put it at /nowhere/test.jsonl"),
        (GSM8KOptions(path="a", hub="b"), "task.hub=b: allowed is one of task.path and task.hub"),
        (GSM8KOptions(hub="openai/none-such"), "HF_HUB_OFFLINE"),
        (GSM8KOptions(hub="openai/gsm8k", revision=None), "task.revision=None: allowed is the commit of"),
        (GSM8KOptions(path="a", n_validation=-1), "task.n_validation=-1: allowed are values of at least 0"),
        (GSM8KOptions(path="a", grading_bound=0.0), "task.grading_bound=0.0: allowed are seconds above 0"),
        (GSM8KOptions(path="a", test_parts=[]), "task.test_parts=[]: allowed are one name or more"),
        (MATHOptions(path="a", max_steps=0), "task.max_steps=0: allowed are values of at least 1"),
        (WordSumsOptions(solution="long"), "task.solution=long: allowed are columns, direct"),
        (WordSumsOptions(n_test=0), "task.n_test=0: allowed are values of at least 1"),
        (WordSumsOptions(n_test=4000), "task.n_test + task.n_validation=4200: allowed are up to 4094"),
        (WordSumsOptions(max_response_tokens=0), "task.max_response_tokens=0: allowed are values of at least 1"),
    ],
    ids=str,
)
def test_bad_options_are_one_line(options: Any, words: str) -> None:
    from synth_scaling.tasks import make_task

    with pytest.raises(ValueError) as error:
        make_task(options)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"question": "Q?", "answer": "no number"}', "test.jsonl:2: answer: does not end with #### and a number"),
        ('{"question": "Q?", "answer": "#### many"}', "test.jsonl:2: answer: does not end with #### and a number"),
        ('{"question": "Q?"}', "test.jsonl:2: answer: no such field; there is question"),
        ('{"question": 3, "answer": "#### 1"}', "test.jsonl:2: question: expected text, found int"),
        ("{", "test.jsonl:2: not JSON"),
    ],
)
def test_bad_rows_are_named_by_file_and_line(gsm8k_folder: Path, line: str, words: str) -> None:
    (gsm8k_folder / "test.jsonl").write_text(json.dumps(gsm8k_rows(1)[0]) + "\n" + line + "\n")
    with pytest.raises(ValueError) as error:
        GSM8K(GSM8KOptions(path=str(gsm8k_folder)))
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_math_solution_without_a_box_is_named(math_folder: Path) -> None:
    write_rows(math_folder / "test.jsonl", [{**math_rows(1)[0], "solution": "So 5."}])
    with pytest.raises(ValueError, match=r"test\.jsonl:1: solution: has no \\boxed\{\}"):
        MATH(MATHOptions(path=str(math_folder)))


def test_validation_leaves_something_to_train_on(gsm8k_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"task\.n_validation=35: allowed are 0 to 34"):
        GSM8K(GSM8KOptions(path=str(gsm8k_folder), n_validation=35))


# -- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_that_runs_dry_ends() -> None:
    from synth_scaling.tasks.questions import Question

    def draw(seed: int):
        while True:
            yield from (Question(f"Q{i}", "1", "#### 1", 1) for i in range(3))

    stream = Streams(draw, frozenset({"q1"}))
    assert [question.text for question in stream(5, 0)] == ["Q0", "Q2"] and stream.repeats > MAX_REPEATS
