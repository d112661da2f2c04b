"""HTTP with bounds: seconds of a whole try, bytes of a body before and after decompression."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import httpx2

from synth_scaling.teaching.answers import WrongShape
from synth_scaling.teaching.reach import CONNECT_SECONDS

MOST_BYTES = 16 << 20  # of a body; an answer of 1,024 tokens with 20 log-probabilities each has about 2 MiB
MOST_ERROR_BYTES = 64 << 10  # of the body of an error
_WINDOW_BITS = {
    "gzip": (31,),
    "x-gzip": (31,),
    "deflate": (15, -15),
}  # of zlib; deflate may have no header
_RETAINED = {"location", "retry-after", "retry-after-ms", "x-should-retry"}  # headers that are read


class BoundedClient(httpx2.AsyncClient):
    """Reads every response whole, within `seconds` from the start of a try; httpx's timeouts bound single reads alone.

    Redirects are not followed: prompts and key are for the configured address.
    """

    def __init__(self, seconds: float, connections: int) -> None:
        super().__init__(
            timeout=httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"accept-encoding": "gzip, deflate"},
            follow_redirects=False,
        )
        self._seconds = seconds

    async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """The response with its decompressed body.

        Raises httpx2.ReadTimeout at the end of the time, and WrongShape for a success whose body cannot be read; that
        of an error is replaced by an empty one.
        """
        try:
            async with asyncio.timeout(self._seconds):
                options["follow_redirects"] = False
                response = await super().send(request, stream=True, **options)
                try:
                    body = await _body(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise httpx2.ReadTimeout("no complete answer", request=request) from None
        headers = {name: response.headers[name] for name in _RETAINED if name in response.headers}
        return httpx2.Response(response.status_code, headers=headers, content=body, request=request)


async def _body(response: httpx2.Response) -> bytes:
    most = MOST_BYTES if response.is_success else MOST_ERROR_BYTES
    packed = bytearray()
    try:
        async for chunk in response.aiter_raw():
            packed += chunk
            if len(packed) > most:
                raise WrongShape(f"the body has more than {most >> 10} KiB")
        return unpacked(bytes(packed), response.headers.get("content-encoding", ""), most)
    except WrongShape as error:
        error.status = response.status_code
        if response.is_success:
            raise
        return b""


def unpacked(data: bytes, encoding: str, most: int) -> bytes:
    """`data` decompressed, at most `most` bytes. Raises WrongShape.

    Other encodings than gzip and deflate are refused: they are not requested.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return data
    if encoding not in _WINDOW_BITS:
        raise WrongShape(f"the body has the content encoding {encoding[:40]}, which was not requested")
    for bits in _WINDOW_BITS[encoding]:
        decompressor = zlib.decompressobj(bits)
        try:
            body = decompressor.decompress(data, most + 1)
        except zlib.error:
            continue
        if len(body) > most:
            raise WrongShape(f"the body has more than {most >> 10} KiB after decompression")
        if decompressor.eof:
            return body
    raise WrongShape(f"the body is not whole as {encoding}")
