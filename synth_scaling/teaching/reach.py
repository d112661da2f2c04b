"""Whether an endpoint can be reached at all, and why not, in a few words."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator

import httpx2

CONNECT_SECONDS = 10.0  # to open a connection; an answer may take much longer
TRIES, PAUSE = 2, 0.5  # connections, and seconds between them


async def unreachable(url: str, seconds: float = CONNECT_SECONDS) -> str | None:
    """Why no server answers at `url`, such as "connection refused"; None if one does, whatever it says.

    An answer that is late counts as one: the server has taken the connection.
    """
    why = None
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(PAUSE)
        try:
            async with (
                asyncio.timeout(3 * seconds),  # address, connection and encryption have `seconds` each
                httpx2.AsyncClient(timeout=seconds) as client,
                client.stream("GET", url),  # the body, which may have no end, is not read
            ):
                return None
        except (TimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout):
            return None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            why = cause_of(error)
    return why


def cause_of(error: BaseException) -> str:
    """The cause of a failed connection in the system's words, else the name and message of the error."""
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            return str(cause.strerror).lower()
        if isinstance(cause, ssl.SSLWantReadError):  # waiting, as at a timeout
            continue
        if isinstance(cause, ssl.SSLError):  # its errno is none of the system's
            return f"no TLS: {str(cause.reason).replace('_', ' ').lower()}"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    if any("Timeout" in type(cause).__name__ for cause in chain):
        return "no answer"
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, those of groups as well."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _chain(member)
        error = error.__cause__ or error.__context__
