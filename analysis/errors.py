"""The error of a request or an input that the user can put right, and suggestions for mistyped names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """The results or the request cannot be analysed as they are; the message says what is wrong and where."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to append to an error message, such as ", did you mean 'rft'?"; empty if nothing is similar."""
    close = get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""
