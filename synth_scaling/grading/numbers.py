r"""Numbers as exact rationals: `$1,250.00`, `75 %`, `3 1/2 hours`, `\frac{3}{4}`. No text is ever evaluated.

Units are dropped, not compared: `18 eggs` and `$18` are both 18, and so is `18%`. What names two numbers, or scales
one by a word (`5 million`, `3 dozen`, `2 and a half`), is not a number.
"""

from __future__ import annotations

import re
from fractions import Fraction

LONGEST = 200  # characters; also keeps Python's limit on digits far away

_NUMERAL = r"(?=\.?[0-9])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]*)?"
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)\s*(?:[$€£¥]\s*)?(?P<minus>-?)"
    rf"(?:(?P<whole>[0-9]+)[ ])?(?P<top>{_NUMERAL})(?:\s*/\s*(?P<bottom>{_NUMERAL}))?"
    rf"(?P<unit>\s*(?:%|°|¢)|[\s-]*(?:[A-Za-z][^0-9=<>+*\\]*))?"
)
_FRACTION = re.compile(r"\\[dt]?frac\s*(?:\{([^{}]*)\}|([0-9]))\s*(?:\{([^{}]*)\}|([0-9]))")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf)\s*\{([^{}]*)\}")
_UNIT_POWER = re.compile(r"(?<=[A-Za-z])(?:\^\{?[23]\}?|[²³])")
_NOT_UNITS = re.compile(
    r"\b(?:or|and|not|nor|to|minus|plus|times|point|over|hundred|thousand|(?:m|b|tr)illion|dozens?|hal(?:f|ves)"
    r"|quarters?|thirds?|squared|cubed|k|b|bn|mn|e|x)\b"
)
_WRAPPED = (("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"), ("_", "_"), ("*", "*"))


def rational(text: str) -> Fraction | None:
    """The number that `text` is, with or without a unit; None if it is not exactly one."""
    if len(text) > LONGEST:
        return None
    match = _NUMBER.fullmatch(_bare(text))
    if not match or (match["sign"] and match["minus"]):
        return None
    unit = (match["unit"] or "").lower().strip(" -.")
    if _NOT_UNITS.search(unit):
        return None
    top, bottom = _numeral(match["top"]), _numeral(match["bottom"] or "1")
    if not bottom:
        return None
    if match["whole"] and (not match["bottom"] or "." in match["top"] + match["bottom"]):
        return None  # "3 1/2" is a number, "3 5" is two
    value = int(match["whole"] or 0) + top / bottom
    return -value if "-" in (match["sign"], match["minus"]) else value


def canonical(value: Fraction) -> str:
    """As an integer or a decimal where it is one, else as a fraction: `72`, `12.5`, `1/3`."""
    if value.denominator == 1:
        return str(value.numerator)
    places = next((n for n in range(1, 20) if 10**n % value.denominator == 0), None)
    if places is None:
        return str(value)
    digits = str(abs(value.numerator) * 10**places // value.denominator).zfill(places + 1)
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _numeral(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


def _bare(text: str) -> str:
    """Without markup around the number, LaTeX's spaces, and the full stop after it."""
    text = text.replace("\u2212", "-").replace(r"\$", "$").replace(r"\%", "%").replace("{,}", ",")
    text = re.sub(r"\\[,;:! ]|~|\u00a0", " ", text)
    text = _TEXT.sub(r" \1", text)
    text = _FRACTION.sub(lambda m: f" {m[1] or m[2] or ''}/{m[3] or m[4] or ''}", text)
    text = _UNIT_POWER.sub("", text)
    before = None
    while before != text:
        before, text = text, text.strip().rstrip(".,;:").strip()
        for left, right in _WRAPPED:
            if len(text) >= len(left) + len(right) and text.startswith(left) and text.endswith(right):
                text = text[len(left) : len(text) - len(right)]
        if text.count("**") == 1:
            text = text.replace("**", "")
    return re.sub(r"\s+", " ", text)
