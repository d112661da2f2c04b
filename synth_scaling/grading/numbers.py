r"""Numbers as exact rationals: `$1,250.00`, `75 %`, `3 1/2 hours`, `\frac{3}{4}`, `1.8 \times 10^3`.

No text is evaluated. A unit is dropped, not compared, and only if it is listed as one that cannot change the number
(:mod:`.units`): `18 eggs` and `$18` are 18, and so is `18%`; `60 million`, `60k` and `60 tenths` are no numbers here.
Text that names two numbers or is an expression is no number either.
"""

from __future__ import annotations

import re
from fractions import Fraction

from synth_scaling.grading.markup import without_emphasis
from synth_scaling.grading.units import is_unit

LONGEST = 200  # characters; also far below Python's limit on digits

# (?>...) does not backtrack: a number is read to its last digit or not at all.
_NUMERAL = r"(?=\.?[0-9])(?>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)?(?:\.[0-9]*)?)"
_CURRENCY = (
    r"(?:(?:US|A|C|NZ|HK|S)?\$|[€£¥₹₩₽₺₫₪₱]|(?:USD|EUR|GBP|INR|CAD|AUD|NZD|SGD|HKD|CHF|JPY|CNY|RMB|Rs\.?)(?=[\s0-9]))"
)
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)\s*(?:(?P<currency>{_CURRENCY})\s*)?(?P<minus>-?)"
    rf"(?:(?P<whole>[0-9]+)[ ](?=[0-9]+\s*/))?(?P<top>{_NUMERAL})(?:\s*/\s*(?P<bottom>{_NUMERAL}))?"
    r"(?:\s*(?:\u00d7|x|\*|·|\\times|\\cdot)\s*10(?:\^\{?(?P<power>[-+]?[0-9]{1,3})\}?|(?P<raised>[⁺⁻]?[⁰¹²³⁴-⁹]{1,3})))?"
    r"(?P<unit>.*)",
    re.DOTALL,
)
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]*)\}|([0-9]))\s*(?:\{([^{}]*)\}|([0-9]))")
_TEXT = re.compile(r"\\(?:text(?:rm|bf|it|normal|sf)?|mbox|math(?:rm|bf|it|sf)|operatorname|unit|si)\s*\{([^{}]*)\}")
_FONT = re.compile(
    r"\{\\(?:rm|bf|it|sf)\s+([^{}]*)\}|\\(?:rm|bf|it|sf)(?=[\s{])|\\(?:left|right|displaystyle)(?![a-zA-Z])"
)
# Thousands that are grouped by a LaTeX or Unicode thin space; an ordinary space makes two numbers.
_THIN = r"(?:\\,|\{,\}|,?\\!|\\(?:text|mathord)\{,\}|[\u00a0\u202f\u2009\u2007])"
_GROUPS = re.compile(rf"(?<![0-9.,])[0-9]{{1,3}}(?:{_THIN}[0-9]{{3}})+(?![0-9])")
_THIN_SPACE = re.compile(_THIN)
_DEGREES = re.compile(r"\^\s*(?:\\circ(?![a-zA-Z])|\{\s*\\circ\s*\})|\\degree(?![a-zA-Z])|[ºo](?=[CF]\b)|\^[ºo]")
_VULGAR = {
    character: f" {top}/{bottom}"
    for character, top, bottom in [
        *[("½", 1, 2), ("⅓", 1, 3), ("⅔", 2, 3), ("¼", 1, 4), ("¾", 3, 4), ("⅕", 1, 5), ("⅖", 2, 5), ("⅗", 3, 5)],
        *[("⅘", 4, 5), ("⅙", 1, 6), ("⅚", 5, 6), ("⅐", 1, 7), ("⅛", 1, 8), ("⅜", 3, 8), ("⅝", 5, 8), ("⅞", 7, 8)],
        *[("⅑", 1, 9), ("⅒", 1, 10)],
    ]
}
_CHARACTERS = str.maketrans(
    {"\u2212": "-", "\ufe63": "-", "\uff0d": "-", "\u2044": "/", "\u2215": "/", "\u22c5": "·", "\uff05": "%"}
    | _VULGAR
    | dict.fromkeys(map(chr, (0x200B, 0x2060, 0xFEFF, 0xAD)))
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_WRAPPED = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("{", "}"), ("`", "`"), ('"', '"'))
_QUOTED = re.compile(
    r"\s*(?:'([^']*)'|\u201c([^\u201d]*)\u201d|\u2018([^\u2019]*)\u2019|\u00ab([^\u00bb]*)\u00bb)\s*\Z"
)
_IN_DOLLARS = re.compile(r"\s*\$((?:[^$\\]|\\.)+)\$\s*\.?\s*", re.DOTALL)  # an escaped dollar sign may be in it
_DASH_AS_MINUS = re.compile(r"\A([\s$*({]*)[\u2012\u2013](?=[0-9.$])")


def rational(text: str) -> Fraction | None:
    """The number that `text` is, with or without a unit; None if it is not exactly one."""
    if len(text) > LONGEST:
        return None
    match = _NUMBER.fullmatch(text if text.isdecimal() and text.isascii() else _bare(text))
    if not match or (match["sign"] and match["minus"]):
        return None
    unit = match["unit"]
    if unit and not is_unit(unit, match["currency"] is not None):
        return None
    top, bottom = _numeral(match["top"]), _numeral(match["bottom"] or "1")
    if not bottom:
        return None
    if match["whole"] and (not match["bottom"] or "." in match["top"] + match["bottom"] or top >= bottom):
        return None  # "3 1/2" is a number, "3 5" is two, "3 5/2" may be a product
    value = int(match["whole"] or 0) + top / bottom
    power = match["power"] or (match["raised"] or "0").translate(_RAISED)
    if power != "0":
        if not re.fullmatch("[-+]?[0-9]+", power) or (match["bottom"] and not match["currency"]):
            return None
        value *= Fraction(10) ** int(power)
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


def without_thin_spaces(text: str) -> str:
    r"""With thousands grouped by `\,`, `{,}`, `,\!` or a thin or non-breaking space written together."""
    return _GROUPS.sub(lambda match: _THIN_SPACE.sub("", match[0]), text)


def _numeral(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


def _bare(text: str) -> str:
    """Without markup around the number, LaTeX's spaces, and the full stop after it."""
    text = _DASH_AS_MINUS.sub(r"\1-", text.translate(_CHARACTERS))
    if match := _QUOTED.match(text):
        text = next(part for part in match.groups() if part is not None)
    if match := _IN_DOLLARS.fullmatch(text):
        text = match[1]
    text = without_thin_spaces(text).replace(r"\$", "$").replace(r"\%", "%")
    text = re.sub(r"\\[,;:! ]|(?<=\S)~|[\u00a0\u202f\u2009\u2007]", " ", text)
    text = _DEGREES.sub("°", _FONT.sub(r" \1", _TEXT.sub(r" \1", text)))
    text = _FRACTION.sub(lambda m: f" {m[1] or m[2] or ''}/{m[3] or m[4] or ''}", text)
    text = text.replace("{ ", "{")
    before = None
    while before != text:
        before, text = text, without_emphasis(text.strip()).rstrip(".,;:").strip()
        for left, right in _WRAPPED:
            if len(text) >= len(left) + len(right) and text.startswith(left) and text.endswith(right):
                inside = text[len(left) : len(text) - len(right)]
                if left not in inside and right not in inside:
                    text = inside
    return re.sub(r"\s+", " ", text)
