"""A usage that cannot be true never defeats the budget: the reservation counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.records import Answer, Usage
from tests.support.endpoint_replies import MOST, WHOLE, body
from tests.support.stand_in import Serve
from tests.teaching.test_client import ask

USAGES: list[Any] = [
    None,
    "",
    7,
    [],
    {},
    {"prompt_tokens": 10},
    {"prompt_tokens": -10, "completion_tokens": 5},
    {"prompt_tokens": 10, "completion_tokens": -(10**9)},
    {"prompt_tokens": float("inf"), "completion_tokens": 5},
    {"prompt_tokens": 10, "completion_tokens": float("-inf")},
    {"prompt_tokens": float("nan"), "completion_tokens": 5},
    {"prompt_tokens": True, "completion_tokens": 5},
    {"prompt_tokens": 10, "completion_tokens": False},
    {"prompt_tokens": "10", "completion_tokens": "5"},
    {"prompt_tokens": 10.5, "completion_tokens": 5},
    {"prompt_tokens": 10**18, "completion_tokens": 5},
    {"prompt_tokens": 10, "completion_tokens": 10**4000},
    {"prompt_tokens": 1e300, "completion_tokens": 5},
    {"prompt_tokens": 0, "completion_tokens": 0},
    {"prompt_tokens": 10, "completion_tokens": 0},
    {"prompt_tokens": None, "completion_tokens": None},
    {"prompt_tokens": [10], "completion_tokens": {"5": 5}},
]


@pytest.mark.parametrize("usage", USAGES, ids=lambda usage: str(usage)[:60])
def test_a_usage_that_cannot_be_true_counts_as_the_reservation(serve: Serve, tmp_path: Path, usage: Any) -> None:
    endpoint = serve(lambda _: body(usage=usage))
    (answer,), client = ask(endpoint, tmp_path / "j.jsonl", ["a"])
    assert answer == Answer("hello", True, "served-1", MOST)
    assert client.budget.spent == MOST
    with Journal(tmp_path / "j.jsonl") as journal:
        assert journal.usage == MOST


def test_an_absent_usage_counts_as_the_reservation(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(lambda _: (200, {}, {key: WHOLE[key] for key in WHOLE if key != "usage"}))
    (answer,), _ = ask(endpoint, tmp_path / "j.jsonl", ["a"])
    assert isinstance(answer, Answer) and answer.usage == MOST


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 10.0, "completion_tokens": 5}, Usage(10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 60}, Usage(10, 60)),  # more than engine.max_tokens: reasoning
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45}, Usage(10, 35)),  # reasoning in the total
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": -3}, Usage(10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": float("inf")}, Usage(10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 10**12}, Usage(10, 5)),
    ],
    ids=str,
)
def test_a_usage_that_may_be_true_counts(serve: Serve, tmp_path: Path, usage: Any, counted: Usage) -> None:
    endpoint = serve(lambda _: body(usage=usage))
    _, client = ask(endpoint, tmp_path / "j.jsonl", ["a"])
    assert client.budget.spent == counted


@pytest.mark.parametrize("usage", USAGES[6:9], ids=lambda usage: str(usage)[:60])
def test_no_usage_lets_requests_pass_the_budget(serve: Serve, tmp_path: Path, usage: Any) -> None:
    endpoint = serve(lambda _: body(usage=usage))
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", list("abcdefgh"), tokens=3 * MOST.total)
    assert [type(outcome) for outcome in outcomes].count(Answer) == len(endpoint.bodies) == 3
    assert client.stopped and client.stopped.startswith("budget.tokens=")
    # A second run has no more of it.
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", list("abcdefgh"), tokens=3 * MOST.total)
    assert client.asked == 0 and len(endpoint.bodies) == 3


def test_a_negative_usage_in_a_journal_of_an_early_version_gives_no_credit(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(lambda _: body())
    ask(endpoint, tmp_path / "j.jsonl", ["a"])
    text = (tmp_path / "j.jsonl").read_text()
    (tmp_path / "j.jsonl").write_text(text.replace('"input": 10', '"input": -1000000'))
    with Journal(tmp_path / "j.jsonl") as journal:
        assert journal.usage == MOST
