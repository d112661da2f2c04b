"""Requests, and the replies of an endpoint that tests of hostile ones are built from."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from synth_scaling.teaching.budget import most_usage
from synth_scaling.teaching.records import Answer, Request, Usage
from tests.support.stand_in import Raw, Reply, completion

MOST = most_usage(Request({"messages": [{"role": "user", "content": "a"}]}), 20)  # of the requests below
WHOLE = completion("hello")[2]  # type: ignore[index]
ANSWER = Answer("hello", True, "served-1", Usage(10, 5))
BYTES = json.dumps(WHOLE).encode()
LENGTH = b"content-length: %d\r\n\r\n" % len(BYTES)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


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
