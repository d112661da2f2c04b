"""Responses that are cut, redirected or put off: each try ends, in one line, and its cost counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth_scaling.teaching.client import RequestFailed, Stopped
from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.records import Answer
from tests.support.endpoint_replies import ANSWER, BYTES, HEAD, MOST, body, raw
from tests.support.stand_in import Body, Reply, Serve, completion, error
from tests.teaching.test_client import ask


@pytest.mark.parametrize(
    "reply",
    [
        raw(HEAD, b"transfer-encoding: chunked\r\n\r\n", b"%x\r\n" % len(BYTES), BYTES, b"\r\n"),
        raw(HEAD, b"transfer-encoding: chunked\r\n\r\n", b"zz\r\n"),
        raw(HEAD, b"content-length: 9999\r\n\r\n", BYTES),
        raw(HEAD, b"content-length: -1\r\n\r\n", BYTES),
        raw(HEAD, b"content-length: 5\r\ncontent-length: 6\r\n\r\n", BYTES),
        raw(HEAD, b"x: " + b"y" * (1 << 20)),
        raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
        raw(HEAD),
        raw(),
    ],
    ids=[
        "chunks cut",
        "chunks broken",
        "length",
        "length < 0",
        "lengths",
        "header",
        "no HTTP",
        "headers cut",
        "nothing",
    ],
)
def test_a_broken_response_is_tried_again_and_each_try_counts(serve: Serve, tmp_path: Path, reply: Reply) -> None:
    endpoint = serve(lambda _: reply if len(endpoint.bodies) == 1 else completion("hello"))
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", ["a"], retries=1)
    assert outcomes == [ANSWER] and client.budget.spent == MOST + ANSWER.usage
    with Journal(tmp_path / "j.jsonl") as journal:
        assert (journal.n_lost, journal.usage) == (1, MOST + ANSWER.usage)


def test_lost_tries_cannot_pass_the_budget(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(lambda _: raw())
    (outcome,), client = ask(endpoint, tmp_path / "j.jsonl", ["a"], tokens=2 * MOST.total, retries=50)
    assert isinstance(outcome, Stopped) and len(endpoint.bodies) == 2
    assert client.stopped == f"budget.tokens={2 * MOST.total}: the next request could pass it"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(serve: Serve, tmp_path: Path, status: int) -> None:
    elsewhere = serve(lambda _: completion("hello"))
    endpoint = serve(lambda _: (status, {"location": f"{elsewhere.url}/\x1b[2Jelsewhere"}, b""))
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", list("abc"), concurrency=1)
    assert [type(outcome) for outcome in outcomes] == [RequestFailed, Stopped, Stopped]
    assert elsewhere.bodies == [] and len(endpoint.bodies) == 1
    assert client.stopped and f": {status}, redirects to {elsewhere.url}/" in client.stopped


@pytest.mark.parametrize("value", ["-5", "0", "nan", "soon", "", "Thu, 01 Jan 1970 00:00:00 GMT", "9" * 9999 + " GMT"])
def test_a_senseless_retry_after_is_ignored(serve: Serve, tmp_path: Path, value: str) -> None:
    def reply(_: Body) -> Reply:
        return completion("hello") if len(endpoint.bodies) > 1 else (429, {"retry-after": value}, {})

    endpoint = serve(reply)
    assert ask(endpoint, tmp_path / "j.jsonl", ["a"])[0] == [ANSWER]


@pytest.mark.parametrize("value", ["1e9", "inf", "1" + "0" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_request_is_not_retried_years_later(serve: Serve, tmp_path: Path, value: str) -> None:
    endpoint = serve(lambda _: (429, {"retry-after": value}, {}))
    (outcome,), client = ask(endpoint, tmp_path / "j.jsonl", ["a"])
    assert isinstance(outcome, RequestFailed) and len(endpoint.bodies) == 1
    assert "RateLimitError: Error code: 429 (asks to wait for " in client.last_failure


def test_an_endpoint_may_forbid_another_try(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(lambda _: (500, {"x-should-retry": "false"}, {}))
    ask(endpoint, tmp_path / "j.jsonl", ["a"])
    assert len(endpoint.bodies) == 1


def test_the_key_in_an_answer_is_masked(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TEACHER_KEY", "sk-very-secret")
    reply = body(model="sk-very-secret", choices=completion("Bearer sk-very-secret!")[2]["choices"])  # type: ignore[index]
    endpoint = serve(lambda _: reply)
    (answer,), _ = ask(endpoint, tmp_path / "j.jsonl", ["a"], api_key_env="MY_TEACHER_KEY")
    assert isinstance(answer, Answer) and (answer.text, answer.model) == ("Bearer ***!", "***")
    assert "very-secret" not in (tmp_path / "j.jsonl").read_text()


def test_every_failure_before_an_answer_was_possible_is_free(serve: Serve, tmp_path: Path) -> None:
    replies = [*map(error, (408, 409, 429, 500, 503)), completion("hello")]
    endpoint = serve(lambda _: replies[len(endpoint.bodies) - 1])
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", ["a"])
    assert outcomes == [ANSWER] and client.budget.spent == ANSWER.usage
