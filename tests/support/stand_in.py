"""A stand-in endpoint: a real HTTP server on loopback in OpenAI's shape, whose answers a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Raw = Callable[[BaseHTTPRequestHandler], None]  # writes a whole response, or less
Reply = tuple[int, dict[str, str], Any] | Raw  # status, headers, JSON


def completion(text: str, finish_reason: str = "stop", usage: tuple[int, int] | None = (10, 5)) -> Reply:
    """A chat completion."""
    received = usage and {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    whole = {"id": "c", "object": "chat.completion", "created": 0, "model": "served-1", "choices": [choice]}
    return 200, {}, whole | {"usage": received}


def error(status: int, message: str = "not now") -> Reply:
    """An error that asks to be retried at once, if at all."""
    return status, {"retry-after-ms": "1"}, {"error": {"message": message, "type": "test"}}


@dataclass
class Endpoint:
    """`reply` is called with each request's body; `bodies` and `keys` are what came."""

    reply: Callable[[Body], Reply]
    url: str = ""
    bodies: list[Body] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: Callable[[], None] = lambda: None


Serve = Callable[[Callable[[Body], Reply]], Endpoint]


@contextmanager
def endpoints() -> Iterator[Serve]:
    """Starts as many as are asked for."""
    servers: list[ThreadingHTTPServer] = []

    def start(reply: Callable[[Body], Reply]) -> Endpoint:
        endpoint = Endpoint(reply)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with endpoint.lock:
                    endpoint.bodies.append(body)
                    endpoint.keys.append(self.headers.get("authorization"))
                    endpoint.running += 1
                    endpoint.most_running = max(endpoint.most_running, endpoint.running)
                reply = endpoint.reply(body)
                with endpoint.lock:
                    endpoint.running -= 1
                if callable(reply):
                    self.close_connection = True
                    with suppress(OSError):  # the client may not wait for its end
                        reply(self)
                    return
                status, headers, content = reply
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in ({"content-type": "application/json"} | headers).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                with suppress(OSError):  # a client that gave up is no fault of this server's
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)

        def stop() -> None:
            server.shutdown()
            server.server_close()

        endpoint.stop = stop
        endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
        return endpoint

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
