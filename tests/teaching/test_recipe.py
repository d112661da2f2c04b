"""The recipe's functions on texts with known outcomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from synth_scaling.core.records import Problem
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions
from synth_scaling.teaching.client import OpenAIOptions
from synth_scaling.teaching.options import register_teach_schemas
from synth_scaling.teaching.recipe import (
    REASONS,
    Dropped,
    Row,
    Seed,
    TeacherOptions,
    agreement,
    new_problem,
    problem_request,
    rendered,
    solution_request,
)
from synth_scaling.teaching.records import Answer, Usage

ROOT = Path(__file__).parent.parent.parent
ENGINE = OpenAIOptions(model="m", temperature=0.5, max_tokens=9)
TEACHER = TeacherOptions(
    "Be kind.", "Like {{ seed.question }} ({{ seed.answer }})", "New:", "Solve {{ question }}", "t"
)
SEED = Seed("train/3", "How many {{ x }} and 50 %?", "one\n#### 4", "4")


@pytest.fixture(scope="module")
def task() -> WordSums:
    return WordSums(WordSumsOptions(n_test=5, n_validation=5))


def says(*texts: str) -> list[Answer]:
    """Answers that ended by themselves; those that begin with a ~ were cut."""
    return [Answer(text.lstrip("~"), not text.startswith("~"), "m-1", Usage()) for text in texts]


# -- requests --------------------------------------------------------------------------------------------------------


def test_a_request_holds_the_prompt_and_the_sampling_parameters() -> None:
    request = problem_request(ENGINE, TEACHER, SEED, 2)
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": f"Like {SEED.question} (4)"}]
    assert request.sample == 2
    assert request.body == {"model": "m", "messages": messages, "temperature": 0.5, "max_tokens": 9}
    assert solution_request(ENGINE, TEACHER, "why?", 0).body["messages"][-1]["content"] == "Solve why?"


def test_samples_are_different_requests_and_seeds() -> None:
    engine = OpenAIOptions(model="m", seed=10)
    requests = [solution_request(engine, TEACHER, "why?", i) for i in range(3)]
    assert [request.body["seed"] for request in requests] == [10, 11, 12]
    assert len({solution_request(ENGINE, TEACHER, "why?", i).key for i in range(3)}) == 3


@given(st.text())
def test_a_problem_is_text_in_a_prompt_and_never_a_template(question: str) -> None:
    assert rendered("<{{ question }}>", question=question) == f"<{question}>"


@pytest.mark.parametrize("template", ["{{ answer }}", "{{ question", "{% for %}", "{{ question.__class__.__mro__ }}"])
def test_an_invalid_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError):
        rendered(template, question="why?")


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "conf/teacher").glob("*.yaml")))
def test_the_shipped_prompts_contain_their_subject(name: str) -> None:
    register_teach_schemas()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        teacher = OmegaConf.to_object(compose(f"teacher/{name}").teacher)
    assert isinstance(teacher, TeacherOptions) and teacher.name == name
    asked = rendered(teacher.problem, seed=SEED)
    assert SEED.question in asked and SEED.solution in asked and teacher.problem_mark in asked
    solve = rendered(teacher.solve, question="why?")
    assert "why?" in solve and ("####" in solve or r"\boxed{}" in solve)


# -- the new problem -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("New: How many?", "How many?"),
        ("Sure!\nNew:\n\n  How\nmany? \n", "How\nmany?"),
        ("New: draft New: How many?", "How many?"),
        ("How many?", None),
        ("New:", None),
        ("New: \n ", None),
        ("", None),
        ("~New: How ma", None),
    ],
)
def test_a_new_problem_stands_after_the_last_mark(text: str, question: str | None) -> None:
    assert new_problem(says(text)[0], "New:") == question


@pytest.mark.parametrize(
    "text",
    [
        "**New problem:**\nHow many?",
        "**New problem:** How many?",
        "**New Problem:** How many?",
        "**New problem**: How many?",
        "**New problem:**How many?",
        "**New problem: How many?**",
        "**New problem:\nHow many?\n**",
        "New problem: **How many?**",
        "__New problem:__ How many?",
        "*New problem:* How many?",
        "***New problem:*** How many?",
        "### New problem:\n\nHow many?",
        "`New problem:` How many?",
        "New  problem:\nHow many?",
        "New problem: a draft\n\n**New problem:**\n\nHow many?",
    ],
)
def test_emphasis_of_the_mark_is_no_part_of_the_problem(text: str) -> None:
    assert new_problem(says(text)[0], "New problem:") == "How many?"


@pytest.mark.parametrize("text", ["**New problem:**", "**New problem:** **", "New problem:\n***", "**New problem**"])
def test_a_mark_without_a_problem_gives_none(text: str) -> None:
    assert new_problem(says(text)[0], "New problem:") is None


def test_emphasis_within_a_problem_stays() -> None:
    for question in ("How many **red** apples?", "*Ann* has 2. How many?", "**Ann** has 2 **apples**", "2 ** 3 is?"):
        assert new_problem(says(f"**New problem:** {question}")[0], "New problem:") == question


def test_without_a_mark_the_whole_answer_is_the_problem() -> None:
    assert new_problem(says(" How many? ")[0], "") == "How many?" and new_problem(says(" ")[0], "") is None


# -- agreement -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "agree", "expected"),
    [
        (["#### 4"], 1, ("#### 4", "4", 1)),
        ([" 2 + 2 = 4\n#### 4 apples\n"], 1, ("2 + 2 = 4\n#### 4 apples", "4", 1)),
        (["#### 5", "a #### 4", "b #### 4.0"], 2, ("a #### 4", "4", 2)),
        (["#### 1,000", "#### 1000", "#### $1000.00"], 3, ("#### 1,000", "1000", 3)),
        (["#### 5", "#### 4"], 1, ("#### 5", "5", 1)),  # the first of equals
        (["#### 4", "~#### 4", "no idea"], 1, ("#### 4", "4", 1)),
        (["#### 5", "#### 4", "#### 3"], 2, "disagree"),
        (["#### 4", "~#### 4", "no idea"], 2, "no_solution"),
        (["#### seven", "####", ""], 1, "no_solution"),
        (["The answer is 4."], 1, ("The answer is 4.", "4", 1)),
    ],
)
def test_the_first_solution_of_the_largest_group_is_retained(
    task: WordSums, texts: list[str], agree: int, expected: tuple[str, str, int] | str
) -> None:
    actual = agreement(task, SEED, "why?", says(*texts), agree)
    if isinstance(expected, str):
        assert actual == Dropped(expected) and expected in REASONS
    else:
        solution, answer, agreed = expected
        assert actual == Row("why?", solution, answer, "train/3", "m-1", len(texts), agreed)


@given(
    texts=st.lists(st.one_of(st.text(), st.integers(0, 3).map("#### {}".format)), max_size=6), agree=st.integers(1, 4)
)
def test_no_text_breaks_the_agreement_and_the_result_is_correct(texts: list[str], agree: int) -> None:
    task = WordSums(WordSumsOptions(n_test=5, n_validation=5))
    actual = agreement(task, SEED, "why?", says(*texts), agree)
    if isinstance(actual, Row):
        assert agree <= actual.agreed <= len(texts)
        assert task.grade(Problem("", actual.question, actual.answer, 0), actual.solution)
