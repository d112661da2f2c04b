"""Bodies that are too large, too deep or of another shape: each is one line, and counts."""

from __future__ import annotations

import gzip
import threading
import zlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from synth_scaling.teaching.answers import MOST_CHOICES
from synth_scaling.teaching.client import RequestFailed
from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.records import Answer, Usage
from synth_scaling.teaching.transport import MOST_BYTES
from tests.support.endpoint_replies import ANSWER, BYTES, HEAD, LENGTH, MOST, WHOLE, body, choice, packed, raw
from tests.support.stand_in import Reply, Serve
from tests.teaching.test_client import ask

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
