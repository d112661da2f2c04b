"""Sentences and headings about an answer, as against an answer: `this answer is right`, `#### Step 2: check`."""

from __future__ import annotations

import re

_ADVERBS = (
    "in(?:deed)?|also|now|definitely|clearly|certainly|therefore|thus|hence|fully|both|quite|very|really|then|already"
)
_VERDICTS = (
    "right|correct|wrong|incorrect|final|valid|sound|sure|reasonable|sensible|plausible|consistent|complete|confirmed"
    "|verified|checked|checks|accurate|exact|unique|clear|obvious|good|fine|ok|okay|done|ready|shown|above|below|what|that"
    "|because|based on|not (?:right|correct|unique|needed|clear)|as (?:follows|above|below|expected|required|stated)"
    "|given (?:above|below|in)|(?:the )?(?:same|one) (?:as|above|that)|in (?:the|its|simplest|dollars|units)"
)
_PARTICIPLES = "obtained|reached|explained|derived|justified|simplified|rounded|expressed|written"
# A colon or "and" after the verdict may introduce an answer: `correct: 19`.
_ABOUT = re.compile(
    rf"\A(?:(?:{_ADVERBS})\s+)*(?:{_VERDICTS}|(?:{_PARTICIPLES}) (?:by|in|as|above|below)?)\b(?!\s*(?:[:=]|and\b))",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\A(?:[0-9]{1,2}[.):]\s+[A-Z]|(?:step|part|case|method|example|check|checking|verification|verify|explanation"
    r"|solution|note|notes|summary|conclusion|section|question|problem|approach|reasoning|discussion|remark"
    r"|alternative|why|how|what|final|answer|understanding|key|proof|hint|analysis|given|let|double)\b)",
    re.IGNORECASE,
)
_NUMERALS = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    "|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|(?:m|b|tr)illions?|dozens?|half|none|pi|infinity"
)
_VALUE = re.compile(
    rf"[0-9\u221a\u221e\u03c0\u00bc-\u00be]|\\(?!text|mbox|math(?:rm|bf)|[ ,;:!$])|[^\W_]\s*[=^]|\b(?:{_NUMERALS})\b",
    re.IGNORECASE,
)
_LEAD = re.compile(r"\A(?:(?:therefore|thus|hence|simply|just|exactly|equal to)\b,?\s*|[:=]\s*)+(?=\S)")
_REASON = re.compile(r"(?:,?\s(?:because|since)|,\s(?:as|which))\s.*", re.DOTALL)


def is_about_an_answer(text: str) -> bool:
    """Whether `text`, which follows "answer is", says something about an answer and names none: `right`, `final`."""
    return _ABOUT.match(text) is not None


def is_title(text: str) -> bool:
    """Whether `text`, which follows `####`, is the title of a section: `Step 2: check`, `1. Understand`."""
    return _TITLE.match(text) is not None or text.endswith("?")


def has_value(text: str) -> bool:
    """Whether a digit, a formula or a numeral in words occurs in `text`."""
    return _VALUE.search(text) is not None


def without_lead_and_reason(text: str) -> str:
    """`text` without `therefore` and the like before the answer, and without a reason after it: `18 because 9 + 9`."""
    return _LEAD.sub("", _REASON.sub("", text))
