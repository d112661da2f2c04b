"""`collect` against closed forms and an independent reading of its rule in plain Python."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from synth_scaling.core.records import Problem
from synth_scaling.tasks.collect import Collect, CollectOptions
from synth_scaling.tasks.task import EmbeddedTask

COLLECT = Collect(CollectOptions())
FIVE = Problem("p", " A 3 1 5 :", "1 3 5", 0)
SMALL = Collect(CollectOptions(items=5, wanted=3, classes=1, n_test=2, n_validation=2))
TABLE = Collect(CollectOptions(rule="table"))
IN_ORDER = Collect(CollectOptions(items=5, wanted=3, classes=1, choices=1, n_test=2, n_validation=2))
IN_PAIRS = Collect(CollectOptions(items=5, wanted=3, classes=1, choices=2, n_test=2, n_validation=2))


def items_of(problem: Problem) -> list[str]:
    return problem.prompt.split()[1:-1]


def first_error(problem: Problem, response: str) -> int | None:
    """The rule as the docstring words it, on lists of words."""
    words, wanted = response.split(" ")[1:], items_of(problem)
    for i, word in enumerate(words):
        if word not in wanted or word in words[:i]:
            return i + 1
    return None if sorted(words) == sorted(wanted) else max(1, len(words))


# -- problems ------------------------------------------------------------------------------------------------------


def test_the_task_keeps_the_protocol() -> None:
    assert isinstance(COLLECT, EmbeddedTask)


def test_problems_are_a_class_and_distinct_items() -> None:
    problems = COLLECT.problems("train", 500, 0) + COLLECT.problems("test", None, 0)
    assert len(set(COLLECT.vocabulary)) == len(COLLECT.vocabulary) == 25
    for problem in problems:
        tokens = re.findall(COLLECT.token_pattern, problem.prompt)
        assert len(tokens) == COLLECT.max_prompt_tokens and set(tokens) <= set(COLLECT.vocabulary)
        assert len(set(items_of(problem))) == 10
        assert problem.answer.split() == sorted(items_of(problem), key=int)
        assert 0 <= problem.difficulty <= 10
    assert {problem.prompt.split()[0] for problem in problems} == set("ABCD")


def test_splits_share_no_set_of_items_and_are_nested_and_deterministic() -> None:
    test, validation = COLLECT.problems("test", None, 0), COLLECT.problems("validation", None, 0)
    train = COLLECT.problems("train", 3000, 5)
    assert (len(test), len(validation)) == (1000, 1000)
    everything = test + validation + train
    assert len({p.answer for p in everything}) == len({p.id for p in everything}) == 5000
    assert COLLECT.problems("train", 100, 5) == train[:100] == Collect(CollectOptions()).problems("train", 100, 5)
    assert COLLECT.problems("train", 100, 6) != train[:100]
    assert COLLECT.problems("test", 50, 6) == test[:50]


def test_every_set_outside_the_held_out_can_be_trained_on() -> None:
    sets = math.comb(5, 3)
    train = SMALL.problems("train", sets - 4, 0)
    held_out = SMALL.problems("test", None, 0) + SMALL.problems("validation", None, 0)
    assert len({p.answer for p in train + held_out}) == sets
    with pytest.raises(ValueError, match=f"about {sets - 4} train problems"):
        SMALL.problems("train", sets - 3, 0)
    with pytest.raises(ValueError, match="2 test problems, 3 asked for"):
        SMALL.problems("test", 3, 0)
    with pytest.raises(ValueError, match="a number of train problems"):
        SMALL.problems("train", None, 0)


def test_difficulty_counts_the_habits_that_lead_astray() -> None:
    """Estimated from the corpus: after an item with a habit, the habit's item follows about half of the time."""
    follows: dict[tuple[str, str], list[str]] = {}
    for prompt, response in itertools.islice(COLLECT.corpus(np.random.default_rng(3)), 8000):
        for item, after in itertools.pairwise(response.split()):
            follows.setdefault((prompt.split()[0], item), []).append(after)
    habit = {}
    for key, items in follows.items():
        commonest = max(set(items), key=items.count)
        if items.count(commonest) > 0.4 * len(items):
            habit[key] = commonest
    assert 0.3 < len(habit) / 80 < 0.7
    for problem in COLLECT.problems("test", 300, 0):
        group, items = problem.prompt.split()[0], items_of(problem)
        assert problem.difficulty == sum(habit.get((group, item), items[0]) not in items for item in items)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CollectOptions(items=1), "task.items=1: allowed are 2 to 1000"),
        (CollectOptions(wanted=20), "task.wanted=20: allowed are 1 to less than items=20"),
        (CollectOptions(classes=27), "task.classes=27: allowed are 1 to 26"),
        (CollectOptions(choices=11), "task.choices=11: allowed are null, or 1 to wanted=10"),
        (CollectOptions(choices=0), "task.choices=0"),
        (CollectOptions(rule="list"), "task.rule=list: allowed are prompt, table"),
        (CollectOptions(rule="table", choices=2), "task.choices=2: allowed is null with task.rule=table"),
        (CollectOptions(rule="table", wanted=2), "task.wanted=2: allowed are values of at least 3"),
        (CollectOptions(habit_share=1.5), "task.habit_share=1.5: allowed are shares"),
        (CollectOptions(n_test=-1), "task.n_test=-1"),
        (CollectOptions(items=5, wanted=3), "n_validation=2000: allowed are fewer than the 10 sets"),
    ],
)
def test_bad_options_are_named(options: CollectOptions, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        Collect(options)
    assert "\n" not in str(error.value)


# -- teacher and corpus --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choices", [None, 1, 4])
def test_teacher_is_correct(choices: int | None) -> None:
    task, rng = Collect(CollectOptions(choices=choices)), np.random.default_rng(0)
    for problem in task.problems("train", 300, 0):
        response = task.teacher(problem, rng)
        assert task.grade(problem, response) and task.true_pit(problem, response) is None
        assert len(task.steps(response)) == 10 <= task.max_response_tokens
        assert task.spurious_steps(problem, response) == 0
        assert choices != 1 or response.split() == items_of(problem)


def test_teacher_takes_every_order_equally_often() -> None:
    rng = np.random.default_rng(0)
    drawn = [SMALL.teacher(FIVE, rng) for _ in range(6000)]
    counts = [drawn.count(order) for order in set(drawn)]
    assert len(counts) == math.factorial(3)
    assert max(abs(count - 1000) for count in counts) < 5 * math.sqrt(6000 * 1 / 6 * 5 / 6)


def test_corpus_has_the_shares_of_errors_that_its_options_give() -> None:
    careful = Collect(CollectOptions(habit_strength=0.0, random_share=0.0))
    assert all(
        careful.grade(Problem("", prompt, "", 0), response)
        for prompt, response in itertools.islice(careful.corpus(np.random.default_rng(0)), 300)
    )
    documents = list(itertools.islice(COLLECT.corpus(np.random.default_rng(0)), 5000))
    assert {len(response.split()) for _, response in documents} == {10}
    # Of first steps, which have no habit, 2 % are random, half of these wanted all the same: 1 % are errors.
    wrong = [COLLECT.true_pit(Problem("", prompt, "", 0), response) == 1 for prompt, response in documents]
    assert abs(np.mean(wrong) - 0.01) < 5 * math.sqrt(0.01 * 0.99 / 5000)
    for prompt, response in documents:
        assert set(re.findall(COLLECT.token_pattern, prompt + response)) <= set(COLLECT.vocabulary)
    assert documents[:20] == list(itertools.islice(COLLECT.corpus(np.random.default_rng(0)), 20))


def test_corpus_avoids_the_held_out_sets() -> None:
    held_out = {p.answer for split in ("test", "validation") for p in SMALL.problems(split, None, 0)}
    seen = {
        " ".join(sorted(prompt.split()[1:-1]))
        for prompt, _ in itertools.islice(SMALL.corpus(np.random.default_rng(0)), 500)
    }
    assert seen.isdisjoint(held_out) and len(seen) == math.comb(5, 3) - len(held_out)


# -- grading -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "pit", "kind"),
    [
        (" 1 3 5", None, "unfinished"),
        (" 5 1 3", None, "unfinished"),
        (" 5 1", 2, "incomplete"),
        (" 5 2 3 1", 2, "unwanted"),
        (" 5 1 5 3", 3, "repeated"),
        (" 5 1 3 3", 4, "repeated"),
        (" 5 1 3 4", 4, "unwanted"),
        (" 5 :", 2, "malformed"),
        (" 5 A", 2, "malformed"),
        ("5 1 3", 1, "malformed"),
        (" 5  1 3", 2, "malformed"),
        (" 05 1 3", 1, "malformed"),
        (" 5 1 3 ", 4, "malformed"),
        (" 5 1 3\n", 3, "malformed"),
        ("", 1, "incomplete"),
    ],
)
def test_first_errors(response: str, pit: int | None, kind: str) -> None:
    assert SMALL.grade(FIVE, response) == (pit is None)
    assert SMALL.true_pit(FIVE, response) == pit
    assert SMALL.error_kind(FIVE, response, finished=True) == kind


def test_a_response_cut_at_the_limit_is_unfinished() -> None:
    assert SMALL.error_kind(FIVE, " 5 1", finished=False) == "unfinished"
    assert SMALL.error_kind(FIVE, " 5 2", finished=False) == "unwanted"


def test_choices_limit_the_next_items() -> None:
    assert IN_ORDER.grade(FIVE, " 3 1 5")
    assert IN_ORDER.true_pit(FIVE, " 3 5 1") == 2
    assert IN_ORDER.error_kind(FIVE, " 3 5 1", finished=True) == "out_of_turn"
    orders = [" " + " ".join(order) for order in itertools.permutations("315")]
    assert [order for order in orders if IN_PAIRS.grade(FIVE, order)] == [" 3 1 5", " 3 5 1", " 1 3 5", " 1 5 3"]
    rng = np.random.default_rng(0)
    assert {IN_PAIRS.teacher(FIVE, rng) for _ in range(100)} == {" 3 1 5", " 3 5 1", " 1 3 5", " 1 5 3"}


# -- habits that are errors by themselves --------------------------------------------------------------------------


def habits(task: Collect) -> dict[tuple[str, str], str]:
    """By class and item the item that may not follow, from grading alone."""
    forbidden = {}
    for group, (item, after) in itertools.product("ABCD", itertools.permutations(range(1, 21), 2)):
        others = [i for i in range(1, 21) if i not in (item, after)][:8]
        problem = Problem("", f" {group} {' '.join(map(str, [item, after, *others]))} :", "", 0)
        if task.error_kind(problem, f" {item} {after}", finished=True) == "forbidden":
            assert task.true_pit(problem, f" {item} {after}") == 2
            assert forbidden.setdefault((group, str(item)), str(after)) == str(after)
    return forbidden


def test_with_a_table_the_habits_are_errors_and_only_they() -> None:
    forbidden = habits(TABLE)
    assert 0.3 < len(forbidden) / 80 < 0.7 and not habits(COLLECT)
    rng = np.random.default_rng(0)
    for problem in TABLE.problems("train", 300, 0):
        group, items = problem.prompt.split()[0], items_of(problem)
        order = [str(item) for item in rng.permutation(items)]
        met = [i + 2 for i, (a, b) in enumerate(itertools.pairwise(order)) if forbidden.get((group, a)) == b]
        assert TABLE.true_pit(problem, "".join(f" {item}" for item in order)) == (met[0] if met else None)
        assert problem.difficulty == sum(forbidden.get((group, item)) in items for item in items)
        assert TABLE.grade(problem, TABLE.teacher(problem, rng))


def test_the_corpus_follows_habits_of_the_table_to_wanted_items_alone() -> None:
    options = CollectOptions(rule="table", habit_strength=1.0, random_share=0.0)
    task, errors = Collect(options), set()
    for prompt, response in itertools.islice(task.corpus(np.random.default_rng(0)), 300):
        problem = Problem("", prompt, "", 0)
        assert sorted(response.split()) == sorted(items_of(problem))
        errors.add(task.error_kind(problem, response, finished=True) if task.true_pit(problem, response) else "")
    assert errors == {"", "forbidden"}


@pytest.mark.parametrize("wanted", [3, 4])
def test_every_problem_has_a_correct_order_whatever_the_table(wanted: int) -> None:
    items = range(wanted)
    for table in itertools.product([-1, *items], repeat=wanted):
        assert any(
            all(table[a] != b for a, b in itertools.pairwise(order)) for order in itertools.permutations(items)
        ), table


@settings(max_examples=300)
@given(st.lists(st.sampled_from([f" {i}" for i in range(1, 21)]), max_size=11))
def test_grade_and_true_pit_agree_with_the_rule(tokens: list[str]) -> None:
    problem, response = COLLECT.problems("test", 1, 0)[0], "".join(tokens)
    assert COLLECT.true_pit(problem, response) == first_error(problem, response)
    assert COLLECT.grade(problem, response) == (first_error(problem, response) is None)


@settings(max_examples=200)
@given(st.permutations(range(10)), st.integers(0, 9), st.integers(1, 20))
def test_one_replaced_item_is_the_first_error(order: list[int], place: int, item: int) -> None:
    problem = COLLECT.problems("test", 1, 0)[0]
    listed = [items_of(problem)[i] for i in order]
    assert COLLECT.grade(problem, "".join(f" {x}" for x in listed))
    replaced = [*listed[:place], str(item), *listed[place + 1 :]]
    later = listed[place + 1 :]
    if str(item) == listed[place]:
        expected = None
    elif str(item) in later:  # in its place it is wanted; its second coming is the error
        expected = place + 2 + later.index(str(item))
    else:
        expected = place + 1
    assert COLLECT.true_pit(problem, "".join(f" {x}" for x in replaced)) == expected


@settings(max_examples=200)
@given(st.text() | st.lists(st.sampled_from([*COLLECT.vocabulary, " ", "\n", "7"])).map("".join))
@example("")
@example("  7\n")
def test_any_text_is_cut_and_graded(text: str) -> None:
    problem = COLLECT.problems("test", 1, 0)[0]
    steps = COLLECT.steps(text)
    assert steps and "".join(steps) == text
    pit = COLLECT.true_pit(problem, text)
    assert (pit is None) == COLLECT.grade(problem, text)
    assert pit is None or 1 <= pit <= len(steps)
    assert COLLECT.error_kind(problem, text, finished=True)
    pieces = Split(Regex(COLLECT.token_pattern), "isolated").pre_tokenize_str(text)
    assert "".join(piece for piece, _ in pieces) == text


@settings(max_examples=100)
@given(st.lists(st.sampled_from(COLLECT.vocabulary)))
def test_each_token_is_a_step(tokens: list[str]) -> None:
    text = "".join(tokens)
    assert re.findall(COLLECT.token_pattern, text) == tokens
    assert COLLECT.steps(text) == (tokens or [""])
