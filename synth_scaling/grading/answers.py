r"""The final answer of a response: the text after its last answer mark that has an answer.

Marks are `#### n` (GSM8K's), `\boxed{}`, `\fbox{}` and `\framebox{}`, `A: n` at the start of a line, `answer is ...`,
`Answer: ...` and `<answer>...</answer>`. A mark without an answer, as in `I am sure this answer is right` or in a
heading, is passed over. Of two different answers the later one counts, so a response cannot name both. The time of
every expression here grows linearly with the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synth_scaling.grading.last_number import last_number as _last_number
from synth_scaling.grading.markup import without_emphasis
from synth_scaling.grading.phrases import has_value, is_about_an_answer, is_title, without_lead_and_reason

LONGEST = 1000  # characters of an answer; a longer one is none

_IS = (
    r"(?:is|IS|equals|was|becomes|(?:comes|came|works) (?:out )?to(?: be)?|turns out to be"
    r"|(?:will|would|should|must) be)\b"
)
_TO = r"(?:to (?:the|this|your|our|that) [a-z ]{1,30}? )?"  # the answer to the question is
_MARK = re.compile(
    r"(?P<hashes>####)"
    r"|(?P<box>\\(?:boxed|fbox|framebox)[ \t]{0,4}\{)"
    r"|(?P<line>^[ \t>*_-]{0,8}A[ \t*_]{0,4}[:\uff1a])"
    r"|(?P<tag><(?:answer|Answer|ANSWER)>)"
    r"|(?P<words>(?<![A-Za-z0-9])[Aa](?:nswer|NSWER)(?![A-Za-z0-9])[*_ \t]{0,6}"
    rf"(?:{_TO}{_IS}[*_ \t]{{0,4}}[:\uff1a]?|[=-]>|[:\uff1a=\u2192]|(?P<heading>\n)))"
    r"|(?P<short>^[ \t>*_-]{0,8}(?:Ans|ANS|Final [Rr]esult|Result)[*_ \t.]{0,4}[:\uff1a=])",
    re.MULTILINE,
)
_HEADING_LINE = re.compile(r"(?:\A|\n)[#>*_ \t]{0,8}(?:The )?(?:Final |FINAL )?\Z")
# A full stop may stand inside dollars, brackets or emphasis that close after it; a factorial may not.
_SENTENCE_END = re.compile(r"\.(?=[*_`$)\"'\]}]{0,4}(?:\s|\Z))|\.(?=\\[)\]])|[!?](?=[*_`\"']{0,3}(?:\s|\Z))")
_DISPLAYED = re.compile(r"\s*(?:\\\[(.*?)\\\]|\$\$(.*?)\$\$)", re.DOTALL)
_END_TAG = re.compile(r"</(?:answer|Answer|ANSWER)>")
# Pictures around an answer that say nothing about it, as a check mark; not those that are numbers or strike it out.
_PICTURE = (
    r"[\s\u2600-\u26ff\u2705\u2713\u2714\u2728\u2b50\ufe0f"
    r"\U0001f300-\U0001f4ae\U0001f4b0-\U0001f51e\U0001f525-\U0001faff]"
)
_PICTURES = re.compile(rf"\A{_PICTURE}{{1,20}}|{_PICTURE}{{1,20}}\Z")
_ANNOTATION = re.compile(r"<<[^<>\n]{0,200}>>")
_EMPTY = "$.?!,;:_*{}()[]`~\"'#->"  # a text of these and spaces alone is no answer
_BEGINS_FORMULA = re.compile(r"[-+\u2212(\[$\u20ac\u00a3\u00a5\\0-9\u221a]")


@dataclass(frozen=True)
class _Candidate:
    text: str
    has_value: bool  # a digit, a formula or a numeral in words; an answer in other words has none


def final_answer(response: str, last_number: bool = False) -> str | None:
    """The text of the final answer, stripped; None where there is none.

    With `last_number` a response without any mark answers by its last number. An answer that is too long or whose box
    does not close is one that cannot be read: the response has no answer, even if there is another one before it.
    """
    marks = list(_MARK.finditer(response))
    in_words = None  # the last candidate without a value, which may be an answer in words
    marked = False
    for i in range(len(marks) - 1, -1, -1):
        mark = _outermost(response, marks, i)
        candidate = _candidate(response, mark)
        if candidate is None:
            marked = marked or not mark["words"] or not response[mark.end() :].strip()
        elif candidate.text == "":
            return None
        elif candidate.has_value:
            return in_words if in_words and not has_value(candidate.text) else candidate.text
        elif in_words is None:
            in_words = candidate.text
    if in_words is not None:
        return in_words
    return _last_number(response) if last_number and not marked else None


def without_annotations(text: str) -> str:
    """`text` without GSM8K's calculator annotations, `<<48/2=24>>`."""
    return _ANNOTATION.sub("", text)


def boxes(text: str) -> list[str]:
    r"""The contents of every closed `\boxed{}` and `\fbox{}` of at most `LONGEST` characters, in order.

    A box inside a box belongs to the outer one.
    """
    contents, end = [], 0
    for mark in _MARK.finditer(text):
        if mark["box"] and mark.start() >= end:
            content = _braced(text[mark.end() : mark.end() + LONGEST + 1])
            if content is not None:
                end = mark.end() + len(content)
                contents.append(_without_boxes(content))
    return contents


def _outermost(response: str, marks: list[re.Match[str]], i: int) -> re.Match[str]:
    """The mark of the outermost box around mark `i`, or mark `i` itself."""
    mark = outer = marks[i]
    for earlier in reversed(marks[max(0, i - 100) : i]):
        if earlier.end() < mark.start() - LONGEST:
            break
        if earlier["box"]:
            content = _braced(response[earlier.end() : earlier.end() + LONGEST + 1])
            if content is not None and earlier.end() + len(content) > mark.start():
                outer = earlier
    return outer


def _candidate(response: str, mark: re.Match[str]) -> _Candidate | None:
    """The answer after a mark; None if there is none, and an empty text if there is one that cannot be read."""
    after = response[mark.end() : mark.end() + LONGEST + 20]
    if mark["box"]:
        content = _braced(after)
        if content is None or len(content) > LONGEST:
            return _Candidate("", True) if after.strip(" \t\n$.") else None
        text = without_annotations(_without_boxes(content)).strip()
        return None if all(c.isspace() or c in _EMPTY for c in text) else _Candidate(text, True)
    if mark["tag"]:
        text = _END_TAG.split(after, maxsplit=1)[0]
    elif mark["words"]:
        if mark["heading"] and not _HEADING_LINE.search(response[max(0, mark.start() - 40) : mark.start()]):
            return None
        after = re.sub(
            r"\A[*_ \t]{0,6}\s{0,4}(?:```[a-z]{0,10}\n\s{0,4})?", "", after
        )  # "**Final answer:**", and the answer below it
        shown = _DISPLAYED.match(after)
        text = next(part for part in shown.groups() if part is not None) if shown else after.split("\n", 1)[0]
        if not shown and (end := _SENTENCE_END.search(text)):
            text = text[: end.start()]
    else:
        text = after.split("\n", 1)[0]
        if mark["hashes"]:
            text = text.partition("####")[0]
    text = without_emphasis(_PICTURES.sub("", without_annotations(text)).strip()).strip()
    if all(c.isspace() or c in _EMPTY for c in text):
        return _Candidate("", True) if len(text) > LONGEST else None
    if mark["words"] and not mark["heading"]:
        if is_about_an_answer(text):
            return None
        text = without_lead_and_reason(text)
    if (mark["hashes"] and is_title(text)) or (mark["heading"] and not _BEGINS_FORMULA.match(text)):
        return None
    if len(text) > LONGEST:
        return _Candidate("", True)
    return _Candidate(text, has_value(text) or len(text) == 1)


def _without_boxes(content: str) -> str:
    r"""`content` with the content of any `\boxed{}` in it in place of the box."""
    while match := re.search(r"\\(?:boxed|fbox|framebox)[ \t]{0,4}\{", content):
        inner = _braced(content[match.end() :])
        if inner is None:
            break
        content = content[: match.start()] + inner + content[match.end() + len(inner) + 1 :]
    return content


def _braced(text: str) -> str | None:
    """The text before the brace that closes one opened just before `text`; None if none does."""
    depth = 1
    for match in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return text[: match.start()]
    return None
