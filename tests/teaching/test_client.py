"""Requests against a stand-in endpoint: retries, failures that stay, bounds, and what must not be written down."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from synth_scaling.teaching.budget import Budget, BudgetOptions, Prices
from synth_scaling.teaching.client import Client, OpenAIOptions, RequestFailed, Stopped, body_of
from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.records import Answer, Request, Usage
from tests.support.stand_in import Body, Endpoint, Reply, Serve, completion, error

Outcome = Answer | BaseException


def ask(
    endpoint: Endpoint, journal: Path, texts: list[str], tokens: int | None = None, **options: Any
) -> tuple[list[Outcome], Client]:
    """Each text as a request of its own, all at once."""
    engine = OpenAIOptions(**{"model": "m", "base_url": endpoint.url, "max_tokens": 20, **options})

    async def run() -> tuple[list[Outcome], Client]:
        with Journal(journal) as retained:
            budget = Budget(BudgetOptions(tokens), Prices(), retained.usage)
            async with Client(engine, retained, budget) as client:
                bodies = [body_of(engine, [{"role": "user", "content": text}], 0) for text in texts]
                return await asyncio.gather(*(client.ask(Request(b)) for b in bodies), return_exceptions=True), client

    return asyncio.run(run())


def echo(body: Body) -> Reply:
    return completion(body["messages"][-1]["content"].upper())


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_busy_endpoint_is_tried_again(serve: Serve, tmp_path: Path, status: int) -> None:
    endpoint = serve(lambda body: error(status) if len(endpoint.bodies) <= 2 else echo(body))
    (answer,), client = ask(endpoint, tmp_path / "j.jsonl", ["hello"])
    assert answer == Answer("HELLO", True, "served-1", Usage(10, 5))
    assert len(endpoint.bodies) == 3 and (client.asked, client.failed) == (1, 0)


def test_a_lasting_failure_is_recorded_and_the_other_requests_continue(serve: Serve, tmp_path: Path) -> None:
    def reply(body: Body) -> Reply:
        return error(500, "broken") if "bad" in body["messages"][-1]["content"] else echo(body)

    endpoint = serve(reply)
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", ["one", "bad", "two"], retries=2)
    assert [type(outcome) for outcome in outcomes] == [Answer, RequestFailed, Answer]
    assert client.failed == 1 and client.stopped is None
    lines = [json.loads(line) for line in (tmp_path / "j.jsonl").read_text().splitlines()]
    (failure,) = [line["error"] for line in lines if "error" in line]
    assert failure.startswith("InternalServerError: ") and "broken" in failure
    # A second run asks for what failed, and for that alone.
    endpoint.bodies.clear()
    outcomes, _ = ask(endpoint, tmp_path / "j.jsonl", ["one", "bad", "two"], retries=0)
    assert [type(outcome) for outcome in outcomes] == [Answer, RequestFailed, Answer] and len(endpoint.bodies) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_error_that_every_request_would_meet_ends_the_run(serve: Serve, tmp_path: Path, status: int) -> None:
    endpoint = serve(lambda body: error(status, "no such model"))
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", ["a", "b", "c"], concurrency=1)
    assert [type(outcome) for outcome in outcomes] == [RequestFailed, Stopped, Stopped]
    assert len(endpoint.bodies) == 1
    assert client.stopped and client.stopped.startswith(f"engine.base_url={endpoint.url}: ")
    assert "no such model" in client.stopped and "\n" not in client.stopped


def test_too_many_failures_in_a_row_end_the_run(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(lambda body: error(400, "too long") if len(endpoint.bodies) != 2 else echo(body))
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", list("abcdefg"), concurrency=1, give_up_after=3)
    assert [type(o) for o in outcomes] == [RequestFailed, Answer, *[RequestFailed] * 3, Stopped, Stopped]
    assert client.stopped and "3 requests in a row failed" in client.stopped


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:9/v1", "connection refused"),
        ("http://no-such-host.invalid/v1", "name or service not known|temporary failure in name resolution"),
    ],
)
def test_an_endpoint_that_is_not_there_is_named_before_any_request(tmp_path: Path, url: str, why: str) -> None:
    outcomes, client = ask(Endpoint(echo, url), tmp_path / "j.jsonl", list("abc"), concurrency=2)
    assert [type(outcome) for outcome in outcomes] == [Stopped] * 3
    assert client.stopped and re.fullmatch(re.escape(f"engine.base_url={url}: ") + f"(?:{why})", client.stopped)
    assert (client.asked, client.failed) == (0, 0)  # so that no retries were waited for


def test_a_server_that_speaks_no_http_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        _, client = ask(Endpoint(echo, url), tmp_path / "j.jsonl", ["a"])
        assert client.stopped and client.stopped.startswith(f"engine.base_url={url}: ") and client.asked == 0
        server.shutdown(socket.SHUT_RDWR)


def test_a_server_that_goes_away_is_named_at_the_first_failure(serve: Serve, tmp_path: Path) -> None:
    lines: list[str] = []
    endpoint = serve(lambda body: (200, {"connection": "close"}, echo(body)[2]))
    engine = OpenAIOptions(model="m", base_url=endpoint.url, retries=0)

    async def run() -> Client:
        with Journal(tmp_path / "j.jsonl") as retained:
            budget = Budget(BudgetOptions(), Prices(), retained.usage)
            async with Client(engine, retained, budget, on_failure=lines.append) as client:
                await client.ask(Request(body_of(engine, [{"role": "user", "content": "a"}], 0)))
                endpoint.stop()
                for text in "bc":
                    with pytest.raises(RequestFailed):
                        await client.ask(Request(body_of(engine, [{"role": "user", "content": text}], 0)))
                return client

    client = asyncio.run(run())
    assert (client.asked, client.failed) == (3, 2)
    assert lines == [f"a request failed: {client.last_failure}"]
    assert client.last_failure.startswith(f"engine.base_url={endpoint.url}: connection re")  # refused, or reset


@pytest.mark.parametrize(
    "reply",
    [
        (200, {}, {"choices": []}),
        (200, {}, {"hello": 1}),
        (200, {}, [1, 2]),
        (200, {"content-type": "text/html"}, b"<html>"),
        (200, {}, b"{not json"),
        (200, {}, {"choices": [{"message": None}], "model": "m"}),
    ],
    ids=str,
)
def test_an_answer_in_no_known_shape_is_a_failure(serve: Serve, tmp_path: Path, reply: Reply) -> None:
    endpoint = serve(lambda body: reply)
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", ["a"], retries=0)
    assert [type(outcome) for outcome in outcomes] == [RequestFailed] and client.failed == 1


def test_cut_withheld_and_strange_texts_are_answers(serve: Serve, tmp_path: Path) -> None:
    replies = {"cut": completion("abc", "length"), "none": completion(None), "half": completion("a\ud800b")}  # type: ignore[arg-type]
    endpoint = serve(lambda body: replies[body["messages"][-1]["content"]])
    (cut, none, half), _ = ask(endpoint, tmp_path / "j.jsonl", list(replies))
    assert isinstance(cut, Answer) and isinstance(none, Answer) and isinstance(half, Answer)
    assert (cut.text, cut.finished) == ("abc", False)
    assert none.text == "" and half.text == "a?b"


def test_no_more_than_so_many_requests_run_at_a_time(serve: Serve, tmp_path: Path) -> None:
    meet = threading.Barrier(3)

    def reply(body: Body) -> Reply:
        meet.wait(timeout=60)  # three have to be here at once
        return echo(body)

    endpoint = serve(reply)
    outcomes, _ = ask(endpoint, tmp_path / "j.jsonl", [str(i) for i in range(12)], concurrency=3)
    assert all(isinstance(outcome, Answer) for outcome in outcomes) and endpoint.most_running == 3


def test_equal_requests_are_sent_once(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(echo)
    outcomes, _ = ask(endpoint, tmp_path / "j.jsonl", ["same"] * 5)
    assert len(endpoint.bodies) == 1 and len(set(map(str, outcomes))) == 1
    assert len((tmp_path / "j.jsonl").read_text().splitlines()) == 1


def test_the_budget_stops_new_requests_and_is_not_passed(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(lambda body: completion("x", usage=(100, 20)))
    outcomes, client = ask(endpoint, tmp_path / "j.jsonl", [str(i) for i in range(30)], tokens=1000, concurrency=4)
    answered = sum(isinstance(outcome, Answer) for outcome in outcomes)
    assert client.stopped and client.stopped.startswith("budget.tokens=1000: ")
    assert client.budget.spent == Usage(100 * answered, 20 * answered) and 4 <= answered <= 8
    assert len(endpoint.bodies) == answered and all(isinstance(o, Answer | Stopped) for o in outcomes)


def test_an_endpoint_that_does_not_count_is_taken_at_its_most(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(lambda body: completion("x", usage=None))
    _, client = ask(endpoint, tmp_path / "j.jsonl", ["a"])
    assert client.budget.spent.output == 20 and client.budget.spent.input > 1


def test_the_key_is_sent_and_written_nowhere(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TEACHER_KEY", "sk-very-secret")
    endpoint = serve(lambda body: error(401, "wrong key sk-very-secret"))
    _, client = ask(endpoint, tmp_path / "j.jsonl", ["a"], api_key_env="MY_TEACHER_KEY")
    assert endpoint.keys == ["Bearer sk-very-secret"]
    assert "secret" not in (tmp_path / "j.jsonl").read_text() and "secret" not in (client.stopped or "")


def test_the_body_holds_the_given_options_and_nothing_else(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(echo)
    settings: dict[str, Any] = {"temperature": None, "max_tokens_key": "max_completion_tokens", "seed": 7}
    ask(endpoint, tmp_path / "j.jsonl", ["a"], extra={"reasoning_effort": "low"}, **settings)
    message = {"role": "user", "content": "a"}
    assert endpoint.bodies == [
        {"model": "m", "messages": [message], "max_completion_tokens": 20, "seed": 7, "reasoning_effort": "low"}
    ]
