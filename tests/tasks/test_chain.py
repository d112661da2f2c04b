"""The chain against an evaluation by substitution, and cases by hand."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from synth_scaling.core.records import Problem
from synth_scaling.tasks.chain import Chain, ChainOptions

CHAIN = Chain(ChainOptions())
TINY = {"leaves": 2, "operations": 2, "letters": 4, "min_needed": 2, "max_needed": 2, "corpus_max_needed": 1}
# a=3, b=6, c=5, d=a+b=9, e=d-c=4 (wanted), f=c-a=2 (not needed), g=f+d=1 (not needed)
BY_HAND = Problem("p", " e:d-c a=3 f:c-a b=6 d:a+b g:f+d c=5 ?e", "4", 2)


def meaning(prompt: str) -> tuple[dict[str, str], str]:
    """The value of each name, and the queried name."""
    *definitions, query = prompt.split()
    return {d[0]: d[2:] for d in definitions}, query[1]


def substituted(prompt: str) -> str:
    """The query as one expression of digits, by putting definitions in until no name is left."""
    meanings, expression = meaning(prompt)
    while names := re.findall("[a-z]", expression):
        expression = expression.replace(names[0], f"({meanings[names[0]]})")
    return expression


def needed_operations(prompt: str) -> set[str]:
    meanings, query = meaning(prompt)
    actual = {query}
    for _ in meanings:
        actual |= {name for user in actual for name in re.findall("[a-z]", meanings[user])}
    return {name for name in actual if not meanings[name].isdigit()}


# -- problems ------------------------------------------------------------------------------------------------------


def test_problems_have_the_promised_shape_and_answer() -> None:
    for problem in CHAIN.problems("train", 400, 0) + CHAIN.problems("test", 200, 0):
        meanings, query = meaning(problem.prompt)
        leaves = [m for m in meanings.values() if m.isdigit()]
        assert (len(meanings), len(leaves)) == (9, 3)
        assert len(needed_operations(problem.prompt)) == problem.difficulty
        assert 4 <= problem.difficulty <= 5 and query in needed_operations(problem.prompt)
        assert int(problem.answer) == eval(substituted(problem.prompt)) % 10


def test_splits_are_disjoint_nested_and_deterministic() -> None:
    splits = [CHAIN.problems("test", None, 0), CHAIN.problems("validation", None, 0), CHAIN.problems("train", 1000, 5)]
    assert [len(split) for split in splits] == [1000, 300, 1000]
    contents = [{frozenset(p.prompt.split()[:-1]) for p in split} for split in splits]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(contents, 2))
    assert all(len(content) == len(split) for content, split in zip(contents, splits, strict=True))
    assert len({p.id for split in splits for p in split}) == 2300
    train = splits[2]
    assert CHAIN.problems("train", 50, 5) == train[:50] == Chain(ChainOptions()).problems("train", 50, 5)
    assert not {p.prompt for p in CHAIN.problems("train", 50, 6)} & {p.prompt for p in train}
    assert CHAIN.problems("test", 50, 6) == splits[0][:50]
    assert Chain(ChainOptions(world_seed=1)).problems("test", 50, 0) != splits[0][:50]


def test_a_small_world_is_disjoint_too() -> None:
    tiny = Chain(
        ChainOptions(
            leaves=2,
            operations=2,
            letters=4,
            min_needed=2,
            max_needed=2,
            corpus_max_needed=1,
            n_test=900,
            n_validation=100,
            spurious=1,
        )
    )
    splits = [tiny.problems("test", None, 0), tiny.problems("validation", None, 0), tiny.problems("train", 1000, 0)]
    contents = [{frozenset(p.prompt.split()[:-1]) for p in split} for split in splits]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(contents, 2))
    documents = itertools.islice(tiny.corpus(np.random.default_rng(0)), 2000)
    assert (contents[0] | contents[1]).isdisjoint(frozenset(prompt.split()[:-1]) for prompt, _ in documents)


def test_impossible_amounts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synth_scaling.tasks.chain.MAX_DRAWS", 20)
    options = ChainOptions(**TINY, n_test=10, n_validation=10)
    with pytest.raises(ValueError, match=r"about \d+ train problems with these options, 1000000 asked for"):
        Chain(options).problems("train", 1_000_000, 0)
    with pytest.raises(ValueError, match="1000 test problems, 1001 asked for"):
        CHAIN.problems("test", 1001, 0)
    with pytest.raises(ValueError, match="train"):
        CHAIN.problems("train", None, 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("leaves", 1),
        ("operations", 1),
        ("letters", 8),
        ("letters", 27),
        ("min_needed", 1),
        ("min_needed", 7),
        ("max_needed", 3),
        ("max_needed", 7),
        ("corpus_max_needed", 0),
        ("corpus_max_needed", 4),
        ("n_test", -1),
        ("n_validation", -1),
        ("spurious", 1.5),
        ("recitation", -0.5),
    ],
)
def test_bad_options_are_named(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"task\.{key}={value}: allowed are ") as error:
        Chain(ChainOptions(**{key: value}))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


# -- teacher and corpus --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spurious", [0.0, 0.25, 1.0])
def test_the_teacher_is_correct(spurious: float) -> None:
    chain, rng, extra, orders = Chain(ChainOptions(spurious=spurious)), np.random.default_rng(0), 0, set()
    for problem in chain.problems("train", 300, 0):
        response = chain.teacher(problem, rng)
        steps = chain.steps(response)
        assert chain.grade(problem, response) and chain.true_pit(problem, response) is None
        assert len(re.findall(chain.token_pattern, response)) <= chain.max_response_tokens
        assert chain.error_kind(problem, response, finished=True) == "no_answer"  # which is to say: no fault
        names = [step[1] for step in steps[:-1]]
        assert len(set(names)) == len(names) and set(names) >= needed_operations(problem.prompt)
        assert chain.spurious_steps(problem, response) == len(names) - problem.difficulty
        extra += len(names) - problem.difficulty
        orders.add(tuple(sorted(names).index(name) for name in names))
    assert (extra == 0) == (spurious == 0) and len(orders) > 20


def test_some_spurious_steps_by_default() -> None:
    rng, problems = np.random.default_rng(0), CHAIN.problems("train", 500, 0)
    steps = sum(len(CHAIN.steps(CHAIN.teacher(p, rng))) - 1 for p in problems)
    needed = sum(p.difficulty for p in problems)
    assert 0.05 < (steps - needed) / steps < 0.25


def test_corpus_is_easier_and_avoids_the_held_out() -> None:
    held_out = {frozenset(p.prompt.split()[:-1]) for s in ("test", "validation") for p in CHAIN.problems(s, None, 0)}
    documents = list(itertools.islice(CHAIN.corpus(np.random.default_rng(0)), 3000))
    recited = 0
    for prompt, text in documents:
        assert frozenset(prompt.split()[:-1]) not in held_out
        assert set(re.findall(CHAIN.token_pattern, prompt + text)) <= set(CHAIN.vocabulary)
        assert len(re.findall(CHAIN.token_pattern, prompt)) <= CHAIN.max_prompt_tokens
        assert len(re.findall(CHAIN.token_pattern, text)) <= CHAIN.max_response_tokens
        if prompt.endswith(" !"):
            assert sorted(text.split()) == sorted(prompt.split()[:-1])
            recited += 1
        else:
            assert 1 <= len(needed_operations(prompt)) <= 3
            assert text.endswith(f" #{eval(substituted(prompt)) % 10}")
    assert 0.25 < recited / len(documents) < 0.35
    assert documents[:20] == list(itertools.islice(CHAIN.corpus(np.random.default_rng(0)), 20))


# -- grading -------------------------------------------------------------------------------------------------------

RIGHT = " d:a+b 3+6 d=9 e:d-c 9-5 e=4 #4"


def test_steps_by_hand() -> None:
    assert CHAIN.steps(RIGHT) == [" d:a+b 3+6 d=9", " e:d-c 9-5 e=4", " #4"]
    assert CHAIN.steps("") == [""]


@pytest.mark.parametrize(
    ("response", "right"),
    [
        (RIGHT, True),
        (" f:c-a 5-3 f=2" + RIGHT, True),
        (" #4", True),  # the reward is the final answer's, so a lucky guess has it
        (" d:a+b 3+6 d=8 e:d-c 8-5 e=4 #4", True),  # and so has a wrong way there
        (RIGHT[:-1] + "5", False),
        (RIGHT + " ", False),
        (RIGHT + "\n", False),
        (RIGHT + "4", False),
        (RIGHT[:-3], False),
        (RIGHT + " #5", False),
        (" 4", False),
        ("#4", False),
        (" #٤", False),
    ],
)
def test_grade_by_hand(response: str, right: bool) -> None:
    assert CHAIN.grade(BY_HAND, response) == right


@pytest.mark.parametrize(
    ("response", "finished", "kind"),
    [
        ("", True, "malformed"),
        ("4", True, "malformed"),
        (" d:a+b 3+6 e=9 #4", True, "malformed"),  # computes one letter, names another
        (" d:a+b 3-6 d=9 #3", True, "malformed"),
        (" d:a+b 3+6 d=9 e:d-c 9-5 e=4 #44", True, "malformed"),
        (" d:a-b 3-6 d=7 e:d-c 7-5 e=2 #2", True, "misquoted"),
        (" d:b+a 6+3 d=9 e:d-c 9-4 e=5 #5", True, "misquoted"),
        (" h:a+b 3+6 h=9 #9", True, "misquoted"),
        (" e:d-c 7-5 e=2 #2", True, "not_computed"),
        (" d:a+b 3+7 d=0 e:d-c 0-5 e=5 #5", True, "wrong_value"),
        (" d:a+b 3+6 d=9 e:d-c 8-5 e=3 #3", True, "wrong_value"),
        (" d:a+b 3+6 d=8 e:d-c 8-5 e=3 #3", True, "wrong_arithmetic"),
        (" d:a+b 3+6 d=9 #9", True, "answered_early"),
        (RIGHT[:-1] + "5", True, "wrong_answer"),
        (RIGHT[:-3], True, "no_answer"),
        (" d:a+b 3+6 d=9", True, "no_answer"),
        (RIGHT + " g:f+d 2+9 g=1", True, "not_computed"),
        (RIGHT + " f:c-a 5-3 f=2", True, "no_answer"),
        (" d:a+b 3+6 d=9 e:d-c 9", False, "unfinished"),
        (" d:a+b 3+6 d=9", False, "unfinished"),
        (" d:a+b 3+6 d=8 e:d-", False, "wrong_arithmetic"),
    ],
)
def test_error_kinds_by_hand(response: str, finished: bool, kind: str) -> None:
    assert CHAIN.error_kind(BY_HAND, response, finished) == kind
    assert CHAIN.true_pit(BY_HAND, response) is None


@pytest.mark.parametrize(
    ("response", "spurious"),
    [
        (RIGHT, 0),
        (" f:c-a 5-3 f=2" + RIGHT, 1),  # right, and not needed
        (" h:a+b 3+6 h=9" + RIGHT, 1),  # no definition
        (" d:a+b 3+6 d=9" + RIGHT, 1),  # a letter that has its value
        (" #4", 0),  # a guess without any step
    ],
)
def test_spurious_steps_by_hand(response: str, spurious: int) -> None:
    assert CHAIN.grade(BY_HAND, response) and CHAIN.spurious_steps(BY_HAND, response) == spurious


def test_perturbed_answers_are_incorrect() -> None:
    rng = np.random.default_rng(2)
    for problem in CHAIN.problems("test", 200, 0):
        right = CHAIN.teacher(problem, rng)
        wrong = (int(problem.answer) + int(rng.integers(1, 10))) % 10
        assert not CHAIN.grade(problem, f"{right[:-1]}{wrong}")
        assert CHAIN.error_kind(problem, f"{right[:-1]}{wrong}", finished=True) == "wrong_answer"
        assert not CHAIN.grade(problem, right[:-1])
        assert not CHAIN.grade(problem, "".join(CHAIN.steps(right)[:-1]))
        assert not CHAIN.grade(problem, right + CHAIN.steps(right)[0])


@settings(max_examples=200)
@given(st.text() | st.lists(st.sampled_from([*CHAIN.vocabulary, " ", "\n", "#"])).map("".join))
@example("")
@example(" \n#4")
def test_any_text_is_cut_and_graded(text: str) -> None:
    steps = CHAIN.steps(text)
    assert steps and "".join(steps) == text
    CHAIN.grade(BY_HAND, text)
    assert CHAIN.error_kind(BY_HAND, text, finished=True) and CHAIN.error_kind(BY_HAND, text, finished=False)
    assert "".join(re.findall(CHAIN.token_pattern, text)) == text
    pieces = Split(Regex(CHAIN.token_pattern), "isolated").pre_tokenize_str(text)
    assert "".join(piece for piece, _ in pieces) == text


@settings(max_examples=100)
@given(st.lists(st.sampled_from(CHAIN.vocabulary)))
def test_tokens_are_found_again_and_steps_end_between_them(tokens: list[str]) -> None:
    text = "".join(tokens)
    assert re.findall(CHAIN.token_pattern, text) == tokens
    assert [piece for piece, _ in Split(Regex(CHAIN.token_pattern), "isolated").pre_tokenize_str(text)] == tokens
    assert [t for step in CHAIN.steps(text) for t in re.findall(CHAIN.token_pattern, step)] == tokens


def test_the_three_tokens_of_a_letter() -> None:
    assert re.findall(CHAIN.token_pattern, " f:b+f 6+5 f=1 #1") == [
        *(" f:", "b", "+", "f", " 6", "+", "5", " f=", "1"),
        *(" #", "1"),
    ]
    assert len(set(CHAIN.vocabulary)) == len(CHAIN.vocabulary) == 61


def test_prompts_consist_of_the_vocabulary() -> None:
    for problem in CHAIN.problems("train", 500, 0) + CHAIN.problems("test", None, 0):
        tokens = re.findall(CHAIN.token_pattern, problem.prompt)
        assert len(tokens) == CHAIN.max_prompt_tokens and set(tokens) <= set(CHAIN.vocabulary)
