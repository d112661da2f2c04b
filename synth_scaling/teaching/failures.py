"""Failed tries: in words, whether they may have been billed, and whether and when another one follows."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Mapping

import httpx2
import openai

from synth_scaling.teaching.answers import WrongShape
from synth_scaling.teaching.reach import cause_of
from synth_scaling.teaching.records import Usage

LONGEST_WAIT = 120.0  # seconds that an endpoint may ask for with Retry-After; a request that is to wait longer fails
FIRST_WAIT, MOST_WAIT = 0.5, 8.0  # seconds where the endpoint asks for none; doubled after each try
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError, httpx2.LocalProtocolError)


def in_words(error: openai.OpenAIError, timeout: float) -> str:
    """The failure of a try as one line; `timeout` is engine.timeout."""
    if isinstance(error, WrongShape):
        words = f"{error.status}, but {error}"
    elif isinstance(error, openai.APITimeoutError) and _is_lost(error):
        words = f"no complete answer within engine.timeout={timeout:g} seconds"
    elif isinstance(error, openai.APIConnectionError):
        words = cause_of(error)
    elif isinstance(error, openai.APIStatusError) and error.response.is_redirect:
        words = f"{error.status_code}, redirects to {error.response.headers['location']}, which is not followed"
    else:
        words = f"{type(error).__name__}: {error}"
        wait = _requested_wait(error.response.headers) if isinstance(error, openai.APIStatusError) else None
        if wait is not None and wait > LONGEST_WAIT:
            words += f" (asks to wait for {wait:.0f} seconds)"
    return " ".join(words.split())


def is_hopeless(error: openai.OpenAIError) -> bool:
    """Whether every request would meet this error."""
    refused = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
    return isinstance(error, refused) or (isinstance(error, openai.APIStatusError) and error.response.is_redirect)


def billed(error: openai.OpenAIError, most: Usage) -> Usage:
    """The usage that a failed try may have been billed for: `most` where the endpoint did not refuse the request."""
    return most if isinstance(error, WrongShape) or _is_lost(error) else Usage()


def _is_lost(error: openai.OpenAIError) -> bool:
    """Whether the request may have been sent, and answered, and the answer was lost on its way."""
    return isinstance(error, openai.APIConnectionError) and not isinstance(error.__cause__, _UNSENT)


def pause_before_retry(error: openai.OpenAIError, n_failed: int) -> float | None:
    """Seconds until the next try after `n_failed` others and this one; None if no other one may help.

    408, 409, 429, 5xx and lost connections are retried. A success without an answer is not: each is billed.
    """
    if isinstance(error, openai.APIStatusError):
        headers = error.response.headers
        busy = error.status_code in (408, 409, 429) or error.status_code >= 500
        if not busy or headers.get("x-should-retry") == "false":
            return None
        wait = _requested_wait(headers)
        if wait is not None:
            return wait if wait <= LONGEST_WAIT else None
    elif not isinstance(error, openai.APIConnectionError):
        return None
    return min(FIRST_WAIT * 2.0 ** min(n_failed, 10), MOST_WAIT) * random.uniform(0.75, 1.0)


def _requested_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds above zero that Retry-After asks for, as a number or a date; None if it asks for none."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        if name in headers:
            try:
                seconds = float(headers[name]) * unit
            except ValueError:
                seconds = _until(headers[name])
            if seconds > 0:  # not for NaN
                return seconds
    return None


def _until(date: str) -> float:
    """Seconds from now to an HTTP date; NaN if it is none."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError, OSError):
        return float("nan")
