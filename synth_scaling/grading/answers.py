r"""The final answer of a response: what stands after its last answer mark.

Marks are `#### n` (GSM8K's), `\boxed{}` and `\fbox{}`, `A: n` at the start of a line, `answer is ...` and
`Answer: ...`. The last one counts, wherever it stands, so a response cannot name two answers and have both. Every
expression here takes time that grows with the length of the text and no faster.
"""

from __future__ import annotations

import re

LONGEST = 1000  # characters of an answer; what is longer is none

_MARK = re.compile(
    r"(?P<hashes>####)"
    r"|(?P<box>\\(?:boxed|fbox)[ \t]{0,4}\{)"
    r"|(?P<line>^[ \t>*_]{0,8}A[ \t]?:)"
    r"|(?P<words>\b[Aa](?:nswer|NSWER)\b[*_ \t]{0,4}(?:is\b[ \t]{0,4}:?|:))",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_NUMERAL = re.compile(r"(?<![\w.,])[-\u2212]?\$?[0-9][0-9,]{0,40}(?:\.[0-9]{1,40})?(?!\w)")
_ANNOTATION = re.compile(r"<<[^<>\n]{0,200}>>")


def final_answer(response: str, last_number: bool = False) -> str | None:
    """The text of the final answer, stripped; None where there is none.

    With `last_number` a response without any mark answers by its last number.
    """
    mark = None
    for mark in _MARK.finditer(response):  # noqa: B007 (the last one is wanted)
        pass
    if mark is None:
        return _last_number(response) if last_number else None
    after = response[mark.end() : mark.end() + LONGEST + 1]
    if mark["box"]:
        answer = _braced(after)
    else:
        if mark["words"]:
            after = re.sub(r"\A[*_ \t]{0,4}\n?", "", after)  # "**Final answer:**", and the answer below it
        answer = after.split("\n", 1)[0]
        if mark["words"] and (end := _SENTENCE_END.search(answer)):
            answer = answer[: end.start()]
    if answer is None or len(answer) > LONGEST:
        return None
    return without_annotations(answer).strip() or None


def without_annotations(text: str) -> str:
    """Without GSM8K's calculator annotations, `<<48/2=24>>`."""
    return _ANNOTATION.sub("", text)


def boxes(text: str) -> list[str]:
    r"""The contents of every closed `\boxed{}` and `\fbox{}` of at most `LONGEST` characters, in order."""
    found = [_braced(text[m.end() : m.end() + LONGEST + 1]) for m in _MARK.finditer(text) if m["box"]]
    return [content for content in found if content is not None]


def _braced(text: str) -> str | None:
    """What stands before the brace that closes one opened just before `text`; None if none does."""
    depth, escaped = 1, False
    for i, c in enumerate(text):
        if escaped:
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == "{":
            depth += 1
        elif c == "}":
            depth -= 1
            if depth == 0:
                return text[:i]
    return None


def _last_number(response: str) -> str | None:
    numerals = _NUMERAL.findall(response[-100 * LONGEST :])
    return numerals[-1] if numerals else None
