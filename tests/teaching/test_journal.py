"""The journal after kills, and its messages on a damaged file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.records import Answer, Request, Usage

REQUEST = Request({"model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.5})


def answer(text: str = "hi", tokens: int = 5) -> Answer:
    return Answer(text, True, "m-1", Usage(tokens, 1))


def test_an_answer_is_there_again_with_its_usage(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        assert journal.get(REQUEST) is None
        journal.add(REQUEST, answer())
        assert journal.get(REQUEST) == answer()
    with Journal(tmp_path / "j.jsonl") as journal:
        assert len(journal) == 1 and journal.get(REQUEST) == answer() and journal.usage == Usage(5, 1)


def test_any_difference_in_the_body_is_another_request() -> None:
    body = dict(REQUEST.body)
    others = [
        Request({**body, "model": "n"}),
        Request({**body, "temperature": 0.6}),
        Request({**body, "top_p": 0.5}),
        Request({**body, "messages": [{"role": "user", "content": "hello "}]}),
        Request(body, 1),
    ]
    assert len({request.key for request in [REQUEST, *others]}) == 6
    assert Request(dict(reversed(body.items()))).key == REQUEST.key


def test_a_failure_is_recorded_and_is_no_answer(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.add_failure(REQUEST, "RateLimitError: 429")
    with Journal(tmp_path / "j.jsonl") as journal:
        assert journal.get(REQUEST) is None and len(journal) == 0 and journal.usage == Usage()
    assert json.loads((tmp_path / "j.jsonl").read_text())["error"] == "RateLimitError: 429"


@given(cut=st.integers(min_value=1, max_value=10_000), text=st.text(max_size=40))
def test_a_death_at_any_byte_loses_the_last_line_alone(
    tmp_path_factory: pytest.TempPathFactory, cut: int, text: str
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    with Journal(path) as journal:
        journal.add(REQUEST, answer(text))
        whole = path.stat().st_size
        journal.add(Request(REQUEST.body, 1), answer("second"))
    data = path.read_bytes()
    path.write_bytes(data[: whole + cut % (len(data) - whole)])
    with Journal(path) as journal:
        assert len(journal) == 1 and journal.get(REQUEST) == answer(text)
        journal.add(Request(REQUEST.body, 1), answer("again"))
    with Journal(path) as journal:
        assert len(journal) == 2 and journal.get(Request(REQUEST.body, 1)) == answer("again")


@pytest.mark.parametrize("line", ["{", "[]", "7", '{"sample": 0}', '{"key": "k", "answer": {"text": "x"}}'])
def test_a_damaged_line_is_named_and_nothing_is_lost(tmp_path: Path, line: str) -> None:
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.add(REQUEST, answer())
    path.write_text(path.read_text() + line + "\n")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}:2: not a line of a journal"):
        Journal(path)
    assert path.read_bytes() == before


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl"), pytest.raises(ValueError, match=r"j\.jsonl: another process is writing it"):
        Journal(tmp_path / "j.jsonl")
    with Journal(tmp_path / "j.jsonl"):
        pass
