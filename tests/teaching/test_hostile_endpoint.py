"""Endpoints that trickle, cut, inflate, misreport and redirect: each try ends, in one line, and its cost counts."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from synth_scaling.teaching.answers import MOST_CHOICES
from synth_scaling.teaching.budget import most_usage
from synth_scaling.teaching.client import RequestFailed, Stopped
from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.reach import unreachable
from synth_scaling.teaching.records import Answer, Request, Usage
from synth_scaling.teaching.transport import MOST_BYTES
from tests.support.stand_in import Body, Raw, Reply, Serve, completion, error
from tests.teaching.test_client import ask

MOST = most_usage(Request({"messages": [{"role": "user", "content": "a"}]}), 20)  # of the requests below
WHOLE = completion("hello")[2]  # type: ignore[index]
ANSWER = Answer("hello", True, "served-1", Usage(10, 5))


def body(**changes: Any) -> Reply:
    """A completion with some fields replaced."""
    return 200, {}, WHOLE | changes


def choice(**changes: Any) -> Reply:
    return body(choices=[WHOLE["choices"][0] | changes])


def packed(encoding: str, data: bytes, status: int = 200) -> Reply:
    return status, {"content-encoding": encoding}, data


def raw(*pieces: bytes) -> Raw:
    """A response of these bytes, after which the connection ends."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)

    return write


# --- seconds


class Trickle:
    """A response whose bytes come one by one, each well within the timeout; notes when the client has gone away."""

    def __init__(self, *at_once: bytes, slowly: bytes) -> None:
        self.at_once, self.slowly = at_once, slowly
        self.cut = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        try:
            for piece in self.at_once:
                handler.wfile.write(piece)
            for byte in self.slowly:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            self.cut.set()


BYTES = json.dumps(WHOLE).encode()  # 200 of them: 20 s
LENGTH = b"content-length: %d\r\n\r\n" % len(BYTES)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    ("at_once", "slowly"),
    [
        ((HEAD, LENGTH), BYTES),
        ((HEAD, b"\r\n"), BYTES),
        ((HEAD, b"transfer-encoding: chunked\r\n\r\n"), b"1\r\n{\r\n" * 40),
        ((HEAD,), b"x: y\r\n" * 40),
        ((), HEAD * 4),
        ((b"HTTP/1.1 500 Broken\r\n", LENGTH), BYTES),
    ],
    ids=["body", "body without a length", "chunks", "headers", "status line", "error"],
)
def test_a_trickled_response_ends_at_the_timeout_of_the_whole_try(
    serve: Serve, tmp_path: Path, at_once: tuple[bytes, ...], slowly: bytes
) -> None:
    trickle = Trickle(*at_once, slowly=slowly)
    endpoint = serve(lambda _: trickle)
    (outcome,), client = ask(endpoint, tmp_path / "j.jsonl", ["a"], timeout=0.7, retries=0)
    assert isinstance(outcome, RequestFailed)
    assert client.last_failure.endswith("no complete answer within engine.timeout=0.7 seconds")
    assert trickle.cut.wait(60)  # the server was still sending
    assert client.budget.spent == MOST


def test_a_server_that_trickles_headers_has_been_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def trickle() -> None:
            connection = server.accept()[0]
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                try:
                    while not stop.wait(0.05):
                        connection.sendall(b"x")
                except OSError:
                    stop.set()

        thread = threading.Thread(target=trickle)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        assert asyncio.run(unreachable(address, seconds=0.2)) is None
        assert stop.wait(60)  # it was still sending
        thread.join()


def test_a_server_that_is_asked_whether_it_is_there_need_not_end_its_page() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        cut = threading.Event()

        def endless() -> None:
            connection = server.accept()[0]
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n")
                    while True:
                        connection.sendall(gzip.compress(bytes(1 << 20)))
                except OSError:
                    cut.set()

        thread = threading.Thread(target=endless)
        thread.start()
        assert asyncio.run(unreachable(f"http://127.0.0.1:{server.getsockname()[1]}/v1")) is None
        assert cut.wait(60)
        thread.join()


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"HTTP/1.1 400 Bad\r\n\r\n", "no TLS: (?:wrong version number|record layer failure)"),
        (None, "no answer"),
    ],
    ids=["plain HTTP", "silence"],
)
def test_a_server_without_tls_behind_https_is_named(sent: bytes | None, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve_plainly() -> None:
            for _ in range(2):
                connection = server.accept()[0]
                if sent is not None:
                    connection.recv(1)
                    connection.sendall(sent)
                else:
                    connections.append(connection)
            over.wait(60)

        connections: list[socket.socket] = []
        thread = threading.Thread(target=serve_plainly)
        thread.start()
        words = asyncio.run(unreachable(f"https://127.0.0.1:{server.getsockname()[1]}/v1", seconds=0.5))
        over.set()
        thread.join()
        for connection in connections:
            connection.close()
    assert words is not None and re.fullmatch(why, words)


# --- usage

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


# --- shapes

BOMB = bytes(MOST_BYTES + 1)
DEEP = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
SHAPES: dict[str, tuple[Reply, str]] = {
    "204": (raw(b"HTTP/1.1 204 None\r\n\r\n"), "204, but not in the shape of a chat completion: the body is empty"),
    "201 without choices": ((201, {}, {}), "201, but not in the shape of a chat completion: no choices"),
    "empty": ((200, {}, b""), "the body is empty"),
    "blank": ((200, {}, b" \n "), "the body is empty"),
    "HTML": ((200, {"content-type": "text/html"}, b"<html>\x1b[2J\n<p>"), r"it starts with '<html>\x1b[2J\n<p>'"),
    "events": ((200, {"content-type": "text/event-stream"}, b"data: {}\n\n"), r"it starts with 'data: {}\n\n'"),
    "half an object": ((200, {}, BYTES[:80]), "the body is not JSON, it starts with "),
    "no UTF-8": ((200, {}, BYTES.replace(b"hello", b"\xff\xfe")), "the body is not UTF-8"),
    "null": ((200, {}, None), "the body is null, no object"),
    "list": ((200, {}, [1]), "the body is a list, no object"),
    "deep": ((200, {}, DEEP), "the body is nested too deeply"),
    "no choices": ((200, {}, {"model": "m"}), "no choices"),
    "error": ((200, {}, {"error": {"message": "no\nmoney", "code": 402}}), "no choices (no money)"),
    "choices null": (body(choices=None), "no choices"),
    "choices empty": (body(choices=[]), "0 choices"),
    "choices too many": (body(choices=WHOLE["choices"] * (MOST_CHOICES + 1)), "129 choices"),
    "choice null": (body(choices=[None]), "message is null"),
    "message null": (choice(message=None), "message is null"),
    "message text": (choice(message="hello"), "message is a str"),
    "content number": (choice(message={"content": 7}), "message.content is a int"),
    "content list": (choice(message={"content": [{"type": "text", "text": "a"}]}), "message.content is a list"),
    "gzip bomb": (packed("gzip", gzip.compress(BOMB)), "the body has more than 16384 KiB after decompression"),
    "deflate bomb": (packed("deflate", zlib.compress(BOMB)), "the body has more than 16384 KiB after decompression"),
    "headerless bomb": (
        packed("deflate", zlib.compress(BOMB, wbits=-15)),
        "the body has more than 16384 KiB after decompression",
    ),
    "bomb in a bomb": (
        packed("gzip, gzip", gzip.compress(gzip.compress(BOMB))),
        "the body has the content encoding gzip, gzip, which was not requested",
    ),
    "br": (packed("br", b"\x1b"), "the body has the content encoding br, which was not requested"),
    "zstd": (packed("zstd", b"\x28\xb5"), "the body has the content encoding zstd, which was not requested"),
    "gzip cut": (packed("gzip", gzip.compress(BYTES)[:-9]), "the body is not whole as gzip"),
    "no gzip": (packed("gzip", BYTES), "the body is not whole as gzip"),
    "large": ((200, {}, b" " * (MOST_BYTES + 1)), "the body has more than 16384 KiB"),
    "short content-length": (
        raw(HEAD, b"content-length: 20\r\n\r\n", BYTES),
        "the body is not JSON, it starts with ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_success_of_another_shape_counts_and_is_one_line(serve: Serve, tmp_path: Path, name: str) -> None:
    reply, words = SHAPES[name]
    endpoint = serve(lambda _: reply)
    (outcome,), client = ask(endpoint, tmp_path / "j.jsonl", ["a"], retries=3)
    assert isinstance(outcome, RequestFailed) and client.failed == 1
    assert "in the shape of a chat completion" in client.last_failure and words in client.last_failure
    assert "\n" not in client.last_failure and len(client.last_failure) < 600
    assert len(endpoint.bodies) == 1  # each is billed: no other try
    assert client.budget.spent == MOST
    with Journal(tmp_path / "j.jsonl") as journal:
        assert (len(journal), journal.n_lost, journal.usage, journal.n_cut) == (0, 1, MOST, 0)


def test_an_endless_body_is_cut(serve: Serve, tmp_path: Path) -> None:
    cut = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(HEAD + b"\r\n")
            while True:
                handler.wfile.write(bytes(1 << 20))
        except OSError:
            cut.set()

    endpoint = serve(lambda _: endless)
    (outcome,), client = ask(endpoint, tmp_path / "j.jsonl", ["a"])
    assert isinstance(outcome, RequestFailed) and cut.wait(60)
    assert client.last_failure.endswith("the body has more than 16384 KiB")


@pytest.mark.parametrize("status", [400, 500])
def test_a_bomb_in_an_error_is_not_read(serve: Serve, tmp_path: Path, status: int) -> None:
    endpoint = serve(lambda _: packed("gzip", gzip.compress(BOMB), status))
    (outcome,), client = ask(endpoint, tmp_path / "j.jsonl", ["a"], retries=0)
    assert isinstance(outcome, RequestFailed) and f"Error code: {status}" in client.last_failure
    assert client.budget.spent == Usage()  # a refusal is not billed


@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        b'{"error":' * 900 + b"1" + b"}" * 900,
        b"\xff\xfe\x00",
        {"error": {"message": "\x1b[2J\n" * 9999}},
        [],
        b"",
    ],
    ids=lambda content: str(content)[:20],
)
def test_the_body_of_an_error_may_hold_anything(serve: Serve, tmp_path: Path, content: Any) -> None:
    endpoint = serve(lambda _: (400, {"content-type": "text/plain; charset=zlib_codec"}, content))
    (outcome,), client = ask(endpoint, tmp_path / "j.jsonl", ["a"], retries=0)
    assert isinstance(outcome, RequestFailed) and "BadRequestError: Error code: 400" in client.last_failure
    assert "\n" not in client.last_failure and len(client.last_failure) < 600


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (choice(finish_reason=None), Answer("hello", False, "served-1", Usage(10, 5))),
        (choice(finish_reason=["stop"]), Answer("hello", False, "served-1", Usage(10, 5))),
        (body(choices=WHOLE["choices"] * 2), ANSWER),
        (body(model=None), Answer("hello", True, "m", Usage(10, 5))),
        (body(model=["m"]), Answer("hello", True, "m", Usage(10, 5))),
        ((200, {}, BYTES.replace(b'"usage"', b'"usage": {"prompt_tokens": -1}, "usage"')), ANSWER),
        ((200, {"content-type": "text/html; charset=zlib_codec"}, BYTES), ANSWER),
        (packed("gzip", gzip.compress(BYTES)), ANSWER),
        (packed("deflate", zlib.compress(BYTES)), ANSWER),
        (packed("deflate", zlib.compress(BYTES, wbits=-15)), ANSWER),
        (raw(HEAD, b"\r\n", BYTES), ANSWER),
        (raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3, HEAD, LENGTH, BYTES), ANSWER),
    ],
    ids=[
        *("finish_reason null", "finish_reason list", "two choices", "model null", "model list", "duplicate keys"),
        *("charset", "gzip", "deflate", "deflate without header", "no length", "early hints"),
    ],
)
def test_an_unusual_answer_is_one(serve: Serve, tmp_path: Path, reply: Reply, answer: Answer) -> None:
    endpoint = serve(lambda _: reply)
    assert ask(endpoint, tmp_path / "j.jsonl", ["a"])[0] == [answer]


# --- connections


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
