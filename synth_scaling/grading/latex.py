r"""Whether two LaTeX answers mean the same, by math-verify. Runs in a worker process only (:mod:`.workers`).

What can be told without it is told first, by :func:`settled`: the same text, or two exact numbers.
"""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

LONGEST = 300  # characters; an answer longer than this and other than the gold one is wrong
DEEPEST = 6  # brackets inside brackets; the parser's time grows by half with each, and no gold answer has so many

_INTEGER = re.compile(r"-?[0-9]{1,100}")
_FRACTION = re.compile(
    r"(-?)(?:\\frac\{(-?[0-9]{1,50})\}\{([0-9]{1,50})\}|\\frac([0-9])([0-9])|([0-9]{1,50})/([0-9]{1,50}))"
)
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:(?:,|\{,\}|,\\!|\\,)[0-9]{3})+")
_SCRIPT = re.compile(r"([\^_])\{(.)\}")
_LIST = re.compile(r"([(\[])([^()\[\]]*)([)\]])")
_NOISE = re.compile(r"\\left|\\right|\\[,;:! ]|\s|\\displaystyle|\\limits")


def settled(gold: str, given: str) -> bool | None:
    """True or False where neither a parser nor algebra is needed, None where it is."""
    gold, given = _plain(gold), _plain(given)
    if gold == given:
        return True
    if len(given) > LONGEST or _depth(given) > DEEPEST or not any(c.isalnum() for c in given):
        return False
    numbers = _exact(gold), _exact(given)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] == numbers[1]
    lists = _exact_list(gold), _exact_list(given)
    if lists[0] is not None and lists[1] is not None and lists[0][0] == lists[1][0]:
        return lists[0] == lists[1]
    return None


def same(gold: str, given: str) -> bool:
    """Whether math-verify finds `given` equal to `gold`. Raises nothing that is an Exception; may take for ever.

    Stricter than it in one thing: of an equation with a number on its left, as in `7=8`, both sides must be right,
    where math-verify reads the right one alone. Milder in another: a percent sign that one of the two lacks is
    dropped, as is the custom with MATH.
    """
    try:
        if _equal(gold, given):
            return True
        if ("%" in gold) != ("%" in given):
            return _equal(re.sub(r"\\?%", "", gold), re.sub(r"\\?%", "", given))
    except Exception:  # there is hardly an exception that sympy does not raise on text like this
        pass
    return False


def _equal(gold: str, given: str) -> bool:
    from math_verify import verify
    from sympy import Eq

    right, found = _parsed(gold), _parsed(given)
    if not right or not found or not verify(right, found, timeout_seconds=None):  # no signals: the process is bounded
        return False
    if isinstance(found[0], Eq) and found[0].lhs.is_number and not isinstance(right[0], Eq):
        return bool(verify(right, found[0].lhs, timeout_seconds=None))
    return True


@lru_cache(maxsize=4096)
def _parsed(latex: str) -> list[Any]:
    from math_verify import LatexExtractionConfig, parse

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that nothing bounds it; the process does
    box = LatexExtractionConfig(boxed_match_priority=0)
    return parse(f"\\boxed{{{latex}}}", [box], parsing_timeout=None)


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
