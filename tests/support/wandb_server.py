"""A stand-in for W&B's server, which answers the GraphQL of W&B's own client."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def serving(
    answer: Callable[[str, dict[str, Any]], dict[str, Any]], file: Callable[[str], bytes] = lambda path: b""
) -> Iterator[str]:
    """The URL of a server on this machine. `answer` gets a query and its variables, `file` the path of a download."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(file(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/graphql":  # W&B's client reports on itself elsewhere
                return self.reply(b"")
            asked = json.loads(body)
            self.reply(json.dumps({"data": answer(asked["query"], asked.get("variables") or {})}).encode())

        def reply(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that is gone by now
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()
