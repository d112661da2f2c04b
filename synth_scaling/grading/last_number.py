"""The last number of a response without an answer mark, for tasks that ask for it (`last_number=true`)."""

from __future__ import annotations

import re

WINDOW = 100_000  # characters from the end that are searched

# A number with everything that is attached to it: units, further digits, slashes, signs. A whole number before a
# fraction belongs to it. The token is read as a whole or not at all, so a number is never cut short.
_TOKEN = re.compile(r"[^ \t\r\n\f\v=\u2248\u2192]+")
_DIGIT = re.compile(r"\d")
_FRACTION = re.compile(r"[0-9]{1,50}/[0-9]")
_WHOLE_BEFORE = re.compile(r"(?<!\S)[-+\u2212$]{0,2}[0-9]{1,50} {1,10}\Z")
_LABEL = re.compile(r"\A[A-Za-z]{2,40}:")
_OPENING, _CLOSING = "([{\"'*_`", ")]}\"'*_`.,;:!?"
_ENDED = re.compile(r"[)\]}\"'*_`]*[.,;:!?]")  # punctuation directly after the number: the next words do not scale it
_SCALE_AFTER = re.compile(
    r"[)\]}\"'*_`$]*+(?:\\[,;: ]|~|\s)*(?:\(|\\(?:text|mathrm|mbox)\s*\{\s*)?(?:in\s+)?"
    r"(?:[-+*/\u00d7\u00f7^\u00b1<>%\u2013\u2212]\s*\S"
    r"|[\u00b2\u00b3\u2070-\u2079\u03c0\u221a\u00bc-\u00be\u2150-\u215e]|\\(?:times|cdot|div|pi|frac|sqrt|over)(?![a-zA-Z])|(?:\w*illions?"
    r"|\w*illiards?|hundreds?|thousands?|lakhs?|lacs?|crores?|dozens?|gross|scores?|pairs?|couples?|hal(?:f|ves)"
    r"|quarters?|thirds?|\w+ths?|pi|squared|cubed|factorial|times|divided|over|plus|minus|per|point|through|to|or|grand"
    r"|[kmbMBKT]|[mbt]r?n|m(?:io|rd|ln|ld|il)|bln|degrees?\s+below|below\s+zero|a\s+(?:dozen|gross|score)|(?:percent|%)\s+of|and\s+(?:a|one|two|three)\b)\b)",
    re.IGNORECASE,
)
_CHANGE_BEFORE = re.compile(
    r"(?:\b(?:minus|negative|plus|times|over|point|by|to|or|through|half|root\s+of|not|twice|double|triple|thrice|log|ln"
    r"|(?:half|third|quarter|percent|%)\s+of)\s|%\s+of\s|\\(?:cdot|times|div|pi|sqrt|log|ln)\s|[0-9]\s*[x:]\s|[-+*/\u00d7\u00f7^<>\u2264\u2265\u00b1~\u2212\u2013]|[0-9])\s*\Z",
    re.IGNORECASE,
)


# Two units of one quantity, as in `5 hours and 30 minutes`: neither number is the answer.
_UNITS_BEFORE = re.compile(
    r"[0-9]\s*(?:h|hrs?|hours?|min|minutes?|days?|weeks?|months?|years?|ft|feet|foot|yards?|lbs?|pounds?|dollars?|kg|km|m"
    r"|\u00b0|degrees?),?\s+(?:and\s+)?\Z"
)
_UNIT_AFTER = re.compile(
    r"\s*(?:m|min|mins|minutes?|s|sec|secs|seconds?|hours?|days?|weeks?|months?|in|inch|inches|ft|feet|oz|ounces?|cents?"
    r"|g|grams?|m|meters?|metres?|cm)\b"
)


def last_number(response: str) -> str | None:
    """The last number with what is attached to it, as `12.5cm`; None if there is none or if the words around change it.

    `18 million`, `18 / 2`, `minus 18` and `between 17 and 18 or 19` name no number that could be read from one token.
    """
    text = response[-WINDOW:]
    place = _place(text)
    if place is None:
        return None
    start, end = place
    token = _LABEL.sub("", re.sub(r"\\[()]", "", text[start:end]))
    number = token.lstrip(_OPENING)
    closing = _CLOSING if "{" not in number else "*_`.,;:!?"  # a brace of \frac{1}{2} belongs to the number
    number = number.rstrip(closing)
    after = token.lstrip(_OPENING)[len(number) :] + text[end : end + 40]
    if not _ENDED.match(after) and _SCALE_AFTER.match(after):
        return None
    before = text[max(0, start - 40) : start]
    if _UNIT_AFTER.match(after) and _UNITS_BEFORE.search(before):
        return None
    return None if _CHANGE_BEFORE.search(before) else number or None


def _place(text: str) -> tuple[int, int] | None:
    """Start and end of the last token with a digit, and of a whole number before it if it is a fraction."""
    last = None
    for token in _TOKEN.finditer(text):
        if _DIGIT.search(token[0]):
            last = token
    if last is None:
        return None
    before = max(0, last.start() - 70)
    whole = _WHOLE_BEFORE.search(text[before : last.start()]) if _FRACTION.match(last[0]) else None
    return (before + whole.start() if whole else last.start()), last.end()
