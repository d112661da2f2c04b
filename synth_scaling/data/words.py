"""The check that a text consists of the words of an embedded task."""

from __future__ import annotations

import re
from collections.abc import Collection


def check_words(place: str, text: str, task: str, vocabulary: Collection[str], token_pattern: str) -> int:
    """The number of words of `text`. Raises ValueError, which begins with `place`, for one that the task lacks."""
    words = re.findall(token_pattern, text)
    if unknown := set(words) - set(vocabulary):
        raise ValueError(f"{place}: not in the words of task={task}: {min(unknown)!r}")
    return len(words)
