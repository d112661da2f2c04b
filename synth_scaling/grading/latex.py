r"""Whether two LaTeX answers mean the same, as far as a look at them tells: the same text, or two exact numbers.

The rest is for worker processes: :mod:`.formulas`, then :mod:`.algebra`.
"""

from __future__ import annotations

import re
from fractions import Fraction

LONGEST = 300  # characters; an answer longer than this and other than the gold one is wrong
DEEPEST = 6  # brackets inside brackets; the parser's time grows by half with each, and no gold answer has so many

_INTEGER = re.compile(r"-?[0-9]{1,100}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,6}")
_FRACTION = re.compile(
    r"(-?)(?:\\frac\{(-?[0-9]{1,50})\}\{([0-9]{1,50})\}|\\frac([0-9])([0-9])|([0-9]{1,50})/([0-9]{1,50}))"
)
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:(?:,|\{,\}|,\\!|\\,)[0-9]{3})+")
_SCRIPT = re.compile(r"([\^_])\{(.)\}")
_LIST = re.compile(r"([(\[])([^()\[\]]*)([)\]])")
_NOISE = re.compile(r"\\left|\\right|\\[,;:! ]|\s|\\displaystyle|\\limits")


def settled(gold: str, given: str) -> bool | None:
    """True or False where neither a parser nor algebra is needed, None where it is."""
    decimals = [_decimal(text) for text in (gold, given)]
    gold, given = _plain(gold), _plain(given)
    if gold == given:
        return True
    if len(given) > LONGEST or _depth(given) > DEEPEST or not any(c.isalnum() for c in given):
        return False
    numbers = _exact(gold), _exact(given)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] == numbers[1]
    one, other = (exact if decimal is None else decimal for decimal, exact in zip(decimals, numbers, strict=True))
    if one is not None and other is not None:  # math-verify compares decimals to six places
        return True if one == other else False if abs(one - other) > Fraction(1, 10**5) else None
    lists = _exact_list(gold), _exact_list(given)
    if lists[0] is not None and lists[1] is not None and lists[0][0] == lists[1][0]:
        return lists[0] == lists[1]
    return None


def _plain(latex: str) -> str:
    """Without spaces, dollar signs around it, a full stop after it, and differences that never mean anything."""
    text = _SCRIPT.sub(r"\1\2", _NOISE.sub("", latex)).rstrip(".").strip("$").rstrip(".")
    return text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac").replace(r"\cfrac", r"\frac")


def _exact_list(plain: str) -> tuple[str, list[Fraction | None]] | None:
    """Brackets and members of a point or interval whose members are all exact numbers."""
    if not (match := _LIST.fullmatch(plain)):
        return None
    members = [_exact(member) for member in match[2].split(",")]
    return None if len(members) < 2 or None in members else (match[1] + match[3], members)


def _decimal(latex: str) -> Fraction | None:
    text = latex.strip(" $")
    return Fraction(text) if _DECIMAL.fullmatch(text) else None


def _depth(latex: str) -> int:
    depth = deepest = 0
    for c in latex:
        depth += (c in "{([") - (c in "})]")
        deepest = max(deepest, depth)
    return deepest


def _exact(plain: str) -> Fraction | None:
    if _INTEGER.fullmatch(plain):
        return Fraction(int(plain))
    if _THOUSANDS.fullmatch(plain):
        return Fraction(int(re.sub("[^0-9]", "", plain)))
    if match := _FRACTION.fullmatch(plain):
        sign, *parts = match.groups()
        top, bottom = (int(part) for part in parts if part)
        return (-1 if sign else 1) * Fraction(top, bottom) if bottom else None
    return None
