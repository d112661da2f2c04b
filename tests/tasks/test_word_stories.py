"""`word_stories`: every story against its own words, every line against arithmetic in plain Python."""

import itertools
import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synth_scaling.core.records import Problem
from synth_scaling.tasks import grade_all
from synth_scaling.tasks.word_stories import ORDERS, Amount, WordStories, WordStoriesOptions, amounts_of, solution

TASKS = {orders: WordStories(WordStoriesOptions(orders=orders)) for orders in ORDERS}
TASK = TASKS["teacher"]
EXAMPLE = Problem(
    "p",
    "Ada has 9 muffins. Grace gives Ada 9 more. 4 boxes with 3 in each get lost. "
    "What is the number of muffins at the end?",
    "6",
    3,
)
AMOUNTS = (Amount(1, (9,)), Amount(1, (9,)), Amount(-1, (4, 3)))


def solutions(amounts: tuple[Amount, ...], orders: str) -> set[str]:
    rng = np.random.default_rng(0)
    return {solution(amounts, orders, rng).replace("\n", " / ") for _ in range(300)}


# -- stories -------------------------------------------------------------------------------------------------------


def test_the_amounts_of_a_story_are_read_back() -> None:
    assert amounts_of(EXAMPLE.prompt) == AMOUNTS
    loss = "Zoe owns 12 keys. Zoe sells 3 of them. Zoe buys 2 bags of 5. How many keys does that make now?"
    assert amounts_of(loss) == (Amount(1, (12,)), Amount(-1, (3,)), Amount(1, (2, 5)))


def test_every_problem_has_the_answer_that_its_words_give() -> None:
    problems = TASK.problems("train", 2000, 0) + TASK.problems("test", None, 0) + TASK.problems("validation", None, 0)
    losses = Counter[int]()
    for problem in problems:
        amounts = amounts_of(problem.prompt)
        totals = list(itertools.accumulate(amount.sign * math.prod(amount.numbers) for amount in amounts))
        assert len(amounts) == 3 and problem.answer == str(totals[-1]) and min(totals) > 0 and max(totals) <= 40
        assert problem.difficulty == sum(len(amount.numbers) for amount in amounts) - 1
        losses[sum(amount.sign < 0 for amount in amounts)] += 1
        assert len(re.findall("[0-9]+", problem.prompt)) == problem.difficulty + 1
    assert set(losses) == {0, 1} and min(losses.values()) > 500


def test_held_out_numbers_never_occur_in_train() -> None:
    def numbers(problem: Problem) -> tuple[int, ...]:
        return tuple(sorted(map(int, re.findall("[0-9]+", problem.prompt))))

    held_out = [numbers(p) for split in ("test", "validation") for p in TASK.problems(split, None, 0)]  # type: ignore[arg-type]
    assert len(set(held_out)) == len(held_out) == 700
    for seed in range(2):
        train = TASK.problems("train", 2000, seed)
        assert {numbers(p) for p in train}.isdisjoint(held_out)
        assert len({p.prompt for p in train}) == 2000


def test_splits_are_nested_and_deterministic_and_the_orders_share_them() -> None:
    train = TASK.problems("train", 200, 5)
    assert TASK.problems("train", 50, 5) == train[:50] != TASK.problems("train", 50, 6)
    assert WordStories(WordStoriesOptions()).problems("train", 50, 5) == train[:50]
    assert TASKS["any"].problems("train", 50, 5) == train[:50]
    assert TASKS["any"].problems("test", None, 0) == TASK.problems("test", None, 1)
    other = WordStories(WordStoriesOptions(world_seed=1)).problems("test", None, 0)
    assert other != TASK.problems("test", None, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (WordStoriesOptions(orders="all"), "task.orders=all: allowed are teacher, any"),
        (WordStoriesOptions(events=4), "task.events=4: allowed are 1 to 3"),
        (WordStoriesOptions(n_test=0), "task.n_test=0: allowed are values of at least 1"),
        (WordStoriesOptions(n_test=5000), "task.n_test + task.n_validation=5200: task=word_stories has about"),
    ],
)
def test_bad_options_are_named(options: WordStoriesOptions, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        WordStories(options)
    assert "\n" not in str(error.value)


# -- teacher -------------------------------------------------------------------------------------------------------


def test_the_example_of_the_docstring_has_all_its_orders() -> None:
    received = {"9 + 9 = 18 / 4 * 3 = 12 / 18 - 12 = 6 / #### 6", "4 * 3 = 12 / 9 + 9 = 18 / 18 - 12 = 6 / #### 6"}
    assert (
        solutions(AMOUNTS, "teacher") == received
    )  # 9 does not cover 12: no other order has only amounts of 0 or more
    assert solutions(AMOUNTS, "any") == received


def test_any_order_includes_joining_the_events_first() -> None:
    amounts = (Amount(1, (7,)), Amount(-1, (2,)), Amount(1, (5,)))
    assert solutions(amounts, "teacher") == {"7 - 2 = 5 / 5 + 5 = 10 / #### 10"}
    assert solutions(amounts, "any") == {
        "7 - 2 = 5 / 5 + 5 = 10 / #### 10",
        "7 + 5 = 12 / 12 - 2 = 10 / #### 10",
        "5 - 2 = 3 / 7 + 3 = 10 / #### 10",
    }


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("events", [1, 2, 3])
def test_teacher_is_correct_line_by_line(orders: str, events: int) -> None:
    task = WordStories(WordStoriesOptions(orders=orders, events=events, n_test=50, n_validation=10))
    rng = np.random.default_rng(0)
    problems = task.problems("train", 200, 0)
    solved = [(problem, task.teacher(problem, rng)) for problem in problems]
    assert all(grade_all(task, solved).rewards)
    for problem, response in solved:
        *operations, answer = task.steps(response)
        assert len(operations) == problem.difficulty and answer == f"#### {problem.answer}"
        for line in operations:
            left, sign, right, result = re.fullmatch(r"(\d+) (.) (\d+) = (\d+)\n", line).groups()  # type: ignore[union-attr]
            assert {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}[sign](int(left), int(right)) == int(result)
        assert task.true_pit(problem, response) is None and task.spurious_steps(problem, response) == 0
        assert task.error_kind(problem, response, finished=True) == "no_answer"  # no line has an error
    with pytest.raises(ValueError, match="task=word_stories: no solution of x"):
        task.teacher(Problem("x", "never asked", "1", 1), rng)


def test_any_has_more_solutions_than_the_teacher() -> None:
    counts = {}
    for orders, task in TASKS.items():
        rng, problems = np.random.default_rng(0), task.problems("train", 100, 0)
        counts[orders] = np.mean([len({task.teacher(problem, rng) for _ in range(40)}) for problem in problems])
    assert 1.3 < counts["teacher"] < 1.8 and counts["any"] > 2 * counts["teacher"]


# -- first errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "pit", "kind"),
    [
        ("9 + 9 = 18\n4 * 3 = 12\n18 - 12 = 6\n#### 7", 4, "wrong_copy"),
        ("9 + 9 = 17\n4 * 3 = 12\n17 - 12 = 5\n#### 5", 1, "wrong_result"),
        ("9 + 9 = 18\n3 * 4 = 13\n18 - 13 = 5\n#### 5", 2, "wrong_result"),
        ("9 + 9 = 18\n4 + 3 = 7\n18 - 7 = 11\n#### 11", 2, "wrong_operation"),
        ("9 + 9 = 18\n4 * 3 = 12\n18 + 12 = 30\n#### 30", 3, "wrong_operation"),
        ("9 + 9 = 18\n4 * 3 = 12\n12 - 18 = 6\n#### 7", 3, "wrong_operation"),
        ("9 - 9 = 0\n#### 0", 1, "wrong_operation"),
        ("9 + 4 = 13\n#### 13", 1, "wrong_operation"),
        ("9 + 8 = 17\n#### 17", 1, "wrong_operand"),
        ("9 + 9 = 18\n18 - 12 = 7\n#### 7", 2, "wrong_operand"),
        ("9 + 9 = 18\n9 + 9 = 18\n#### 18", 2, "wrong_operand"),
        ("9 + 9 = 18\n#### 18", 2, "early_answer"),
        ("#### 9", 1, "early_answer"),
        ("nine\n#### 9", 1, "unreadable"),
        ("9+9=18\n#### 18", 1, "unreadable"),
        ("9 + 9 = 18\n4 * 3 = 12\n18 - 12 = 6\n#### 6\n#### 7", 5, "unreadable"),
        ("9 + 9 = 18\n4 * 3 = 12\n18 - 12 = 6", 3, "no_answer"),
        ("", 1, "unreadable"),
        ("9 + 9 = 18\n3 * 4 = 12\n18 - 12 = 6\n#### 6", None, "no_answer"),
        ("4 * 3 = 12\n9 + 9 = 18\n18 - 12 = 6\n#### 6\n", None, "no_answer"),
    ],
)
def test_first_errors(response: str, pit: int | None, kind: str) -> None:
    assert TASK.grade(EXAMPLE, response) == (pit is None)
    assert TASK.true_pit(EXAMPLE, response) == pit
    assert TASK.error_kind(EXAMPLE, response, finished=True) == kind


def test_a_cut_line_is_no_error_of_an_unfinished_response() -> None:
    assert TASK.error_kind(EXAMPLE, "9 + 9 = 18\n4 * 3 = 1", finished=False) == "unfinished"
    assert TASK.error_kind(EXAMPLE, "9 + 9 = 19\n4 * 3 = 1", finished=False) == "wrong_result"


def test_lines_that_are_no_step_of_a_correct_response_are_spurious() -> None:
    assert TASK.spurious_steps(EXAMPLE, "9 + 9 = 18\n2 + 2 = 4\n4 * 3 = 12\n18 - 12 = 6\n#### 6") == 1
    assert TASK.grade(EXAMPLE, "I think\n#### 6") and TASK.true_pit(EXAMPLE, "I think\n#### 6") is None


@settings(max_examples=150)
@given(st.integers(0, 199), st.integers(0, 10_000), st.data())
def test_one_changed_result_is_the_first_error(index: int, seed: int, data: st.DataObject) -> None:
    task = TASKS["any"]
    problem = task.problems("train", 200, 0)[index]
    steps = task.steps(task.teacher(problem, np.random.default_rng(seed)))
    place = data.draw(st.integers(0, len(steps) - 1))
    wrong = re.sub(r"[0-9]+(?=\n?$)", lambda n: str(int(n[0]) + data.draw(st.integers(1, 50))), steps[place])
    changed = [*steps[:place], wrong, *steps[place + 1 :]]
    kind = "wrong_result" if place < len(steps) - 1 else "wrong_copy"
    assert task.error_kind(problem, "".join(changed), finished=True) == kind
    cut = "".join(changed[: place + 1])  # without an answer, or with the wrong one
    assert task.true_pit(problem, cut) == place + 1


@settings(max_examples=200)
@given(
    st.text()
    | st.lists(
        st.sampled_from(["9 + 9 = 18\n", "4 * 3 = 12\n", "18 - 12 = 6\n", "#### 6", "\n", "6 ", "9 * 1 = 9\n"])
    ).map("".join)
)
@example("\n\n9 + 9 = 18")
def test_any_text_is_cut_and_read(text: str) -> None:
    steps = TASK.steps(text)
    assert steps and "".join(steps) == text
    pit = TASK.true_pit(EXAMPLE, text)
    assert (pit is None) == TASK.grade(EXAMPLE, text)
    assert pit is None or 1 <= pit <= len(steps)
    assert TASK.error_kind(EXAMPLE, text, finished=True) and TASK.error_kind(EXAMPLE, text, finished=False)
    assert 0 <= (TASK.spurious_steps(EXAMPLE, text) or 0) <= len(steps)
