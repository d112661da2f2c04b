"""Endpoints that trickle or speak no TLS: a try ends at its timeout, and a server that was reached is named."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from synth_scaling.teaching.client import RequestFailed
from synth_scaling.teaching.reach import unreachable
from tests.support.endpoint_replies import BYTES, HEAD, LENGTH, MOST
from tests.support.stand_in import Serve
from tests.teaching.test_client import ask


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
