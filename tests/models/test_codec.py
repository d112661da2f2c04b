"""Texts of every task through its tokenizer and back, and where steps end in tokens."""

import json
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.models.codec import Codec, step_ends
from synth_scaling.models.tokenizer import word_tokenizer
from synth_scaling.tasks import TASKS, EmbeddedTask, embedded_tasks

OPTIONS = {"maze": {"side": 5, "max_distance": 8}, "star_graph": {}, "collect": {}}
EACH_TASK = pytest.mark.parametrize("name", embedded_tasks())


@cache
def task_and_codec(name: str) -> tuple[EmbeddedTask, Codec]:
    cls, options = TASKS[name]
    task = cls(options(**OPTIONS[name], n_test=20, n_validation=5))
    folder = Path(mkdtemp())
    word_tokenizer(task.vocabulary, task.token_pattern).save_pretrained(folder)
    return task, Codec(folder)


def texts(task: EmbeddedTask) -> list[str]:
    rng = np.random.default_rng(0)
    problems = task.problems("test", None, 0) + task.problems("train", 20, 0)
    documents = map("".join, islice(task.corpus(rng), 50))
    return ["", *(p.prompt for p in problems), *(p.prompt + task.teacher(p, rng) for p in problems), *documents]


# -- there and back --------------------------------------------------------------------------------------------------


@EACH_TASK
def test_texts_of_a_task_come_back(name: str) -> None:
    task, codec = task_and_codec(name)
    for text in texts(task):
        assert codec.decode(codec.encode(text)) == text


@EACH_TASK
def test_prompts_and_solutions_keep_within_the_promised_lengths(name: str) -> None:
    task, codec = task_and_codec(name)
    rng = np.random.default_rng(2)
    for problem in task.problems("train", 20, 2):
        assert len(codec.encode(problem.prompt)) <= task.max_prompt_tokens
        assert len(codec.encode(task.teacher(problem, rng))) <= task.max_response_tokens


@EACH_TASK
@settings(max_examples=60)
@given(st.data())
def test_any_tokens_decode_to_their_pieces_special_ones_shown(name: str, data: st.DataObject) -> None:
    task, codec = task_and_codec(name)
    words = ["<pad>", "</s>", *task.vocabulary]
    ids = data.draw(st.lists(st.integers(0, len(words) - 1), max_size=12))
    assert codec.decode(ids) == "".join(words[i] for i in ids)


@EACH_TASK
def test_every_vocabulary_entry_is_one_token_of_its_own(name: str) -> None:
    task, codec = task_and_codec(name)
    ids = [codec.encode(entry) for entry in task.vocabulary]
    assert all(len(tokens) == 1 for tokens in ids) and len(set(ids)) == len(ids)


@EACH_TASK
def test_encode_all_equals_encode(name: str) -> None:
    task, codec = task_and_codec(name)
    some = texts(task)
    assert codec.encode_all(some) == [codec.encode(text) for text in some]
    assert codec.encode_all([]) == []


@EACH_TASK
@pytest.mark.parametrize("text", ["€", "é", "\n", "_"])
def test_text_outside_the_vocabulary_is_a_value_error(name: str, text: str) -> None:
    task, codec = task_and_codec(name)
    inside = task.problems("test", 1, 0)[0].prompt
    for wrong in (text, inside + text):
        with pytest.raises(ValueError, match="tokenizer"):
            codec.encode(wrong)
        with pytest.raises(ValueError, match="tokenizer"):
            codec.encode_all([inside, wrong])


# -- steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "pieces", "ends"),
    [
        (["a", "b", "c"], ["a", "b", "c"], (1, 2, 3)),
        (["ab", "c"], ["a", "b", "c"], (2, 3)),
        (["abc"], ["a", "b", "c"], (3,)),
        (["ab", "cd"], ["a", "bc", "d"], (2, 3)),  # a token belongs to the step it starts in
        (["a", "b", "c"], ["abc"], (1,)),  # steps in which no token starts are merged
        (["a", "b", "c"], ["ab", "c"], (1, 2)),
        (["a", "b", "c"], ["a", "bc"], (1, 2)),
        ([""], [], (0,)),  # an empty response has one step
        (["ab"], ["", "ab"], (2,)),  # a token without text
        (["a", "b"], ["a", "", "b"], (1, 3)),  # and one between steps: it starts where the second does
        (["a", "b"], ["a", "b", ""], (1, 3)),
    ],
)
def test_step_ends_by_hand(steps: list[str], pieces: list[str], ends: tuple[int, ...]) -> None:
    assert step_ends(steps, pieces) == ends


def cut(text: str, places: set[int]) -> list[str]:
    stops = sorted({0, len(text), *(place for place in places if place < len(text))})
    return [text[a:b] for a, b in pairwise(stops)] or [text]


@settings(max_examples=200)
@given(st.text("ab", min_size=1, max_size=12), st.sets(st.integers(1, 11)), st.sets(st.integers(1, 11)))
def test_step_ends_follow_the_steps_of_any_text(text: str, at: set[int], token_at: set[int]) -> None:
    steps, pieces = cut(text, at), cut(text, token_at)
    ends = step_ends(steps, pieces)
    assert ends[-1] == len(pieces) and all(a < b for a, b in pairwise((0, *ends)))
    # By another road: the step in which each token starts; a step ends where the next token starts in another one.
    starts = np.cumsum([0, *map(len, pieces[:-1])])
    step_of = np.searchsorted(np.cumsum([0, *map(len, steps[:-1])]), starts, side="right")
    assert ends == (*(np.flatnonzero(np.diff(step_of)) + 1), len(pieces))
    if token_at >= at:  # every step begins with a token: the steps' tokens are the steps' text
        joined = ["".join(pieces[a:b]) for a, b in pairwise((0, *ends))]
        assert joined == steps


def test_step_ends_refuse_other_texts() -> None:
    with pytest.raises(ValueError, match="do not join"):
        step_ends(["a", "b"], ["a", "c"])


@EACH_TASK
def test_a_teachers_steps_are_those_of_its_tokens(name: str) -> None:
    task, codec = task_and_codec(name)
    rng = np.random.default_rng(1)
    for problem in task.problems("train", 20, 1):
        response = task.teacher(problem, rng)
        tokens = codec.encode(response)
        ends = codec.step_ends(task, tokens)
        assert [codec.decode(tokens[a:b]) for a, b in pairwise((0, *ends))] == task.steps(response)


@EACH_TASK
@settings(max_examples=60)
@given(st.data())
def test_any_sampled_tokens_have_steps(name: str, data: st.DataObject) -> None:
    task, codec = task_and_codec(name)
    tokens = data.draw(st.lists(st.integers(0, len(task.vocabulary) + 1), max_size=12))
    ends = codec.step_ends(task, tokens)
    assert ends[-1] == len(tokens) and len(ends) <= len(task.steps(codec.decode(tokens)))
    assert all(a < b for a, b in pairwise(ends))


def test_prefixes_of_a_response_end_with_a_step_that_its_tokens_spell() -> None:
    task, codec = task_and_codec("star_graph")
    tokens = codec.encode("12,7,33")
    assert codec.step_ends(task, tokens) == (2, 4, 5)
    assert [codec.decode(tokens[:end]) for end in (2, 4, 5)] == ["12,", "12,7,", "12,7,33"]
    assert json.dumps(tokens)  # plain integers, as Parquet and vLLM take them
