r"""Text without Markdown's emphasis: `**18**`, `*18*`, `__18__`, backquotes, and one half of a pair left by a mark."""

from __future__ import annotations

import re

# A pair around text, not between two characters of a formula: 2**3 and 3*4*5 are left as they are.
_PAIR = re.compile(r"(?<![\w)\]}^*_\\])(\*{1,3}|_{1,3}|`{1,3}|~~)(?=[^\s*_`~])([^\n]*?[^\s*_`~\\])\1(?![\w(\[{*_`~])")
_OPENING = re.compile(r"\A(?:\*{1,3}|_{1,3}|`{1,3}|~~)(?![*_`~])\s*")
_CLOSING = re.compile(
    r"(?<=[^\s\^*_`~\\])(?:\*{2,3}|_{2,3}|`{1,3}|~~)(?=\s|[.,;:!?]|\Z)|(?<=[^\s\^*_`~\\])\s*[*_]{1,3}\Z"
)
_TAG = re.compile(r"</?(?:b|i|u|em|strong|mark|code)>", re.IGNORECASE)


def without_emphasis(text: str) -> str:
    """`text` without pairs of emphasis, and without one that opens the text or ends a word and has no other half."""
    if not any(sign in text for sign in "*_`~<"):
        return text
    text = _TAG.sub("", text)
    before = None
    while before != text:
        before, text = text, _PAIR.sub(r"\2", text)
    text = _OPENING.sub("", text)
    return _CLOSING.sub("", text, count=1)
