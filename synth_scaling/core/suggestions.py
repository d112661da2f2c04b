"""The closest allowed word to a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word most similar to `word`, ignoring case; None if none is similar."""
    by_lower = {name.lower(): name for name in allowed}
    matches = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """'; did you mean NAME?' for the closest allowed word, else an empty text."""
    name = closest(word, allowed)
    return "" if name is None else f"; did you mean {name}?"
