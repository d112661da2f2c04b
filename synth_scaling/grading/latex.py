r"""Whether two LaTeX answers mean the same, as far as a look at them tells: the same text, or exact numbers.

Exact numbers by themselves, in degrees, as points, intervals and matrices, and complex ones.

The rest is for worker processes: :mod:`.formulas`, then :mod:`.algebra`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from math import inf

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
_INFINITY = {r"\infty": inf, r"+\infty": inf, r"-\infty": -inf}
_DEGREES = re.compile(r"(.*)\^(?:\\circ|\{\\circ\})")
_WHOLE, _TIMES = r"[1-9][0-9]{0,49}", r"(?:[2-9]|[1-9][0-9]{1,49})?"  # 1i and 0i are something else to math-verify
_COMPLEX = re.compile(rf"(-?{_WHOLE})([+-]{_TIMES})i|(-?{_TIMES})i([+-]{_WHOLE})?")
_MATRIX = re.compile(r"\$?\s*\\begin\{([bp]matrix)\}(.*)\\end\{\1\}\s*\$?", re.DOTALL)
_NOISE = re.compile(r"\\left|\\right|\\[,;:! ]|\s|\\displaystyle|\\limits")


def settled(gold: str, given: str) -> bool | None:
    """True or False where neither a parser nor algebra is needed, None where it is."""
    decimals = [_decimal(text) for text in (gold, given)]
    matrices = _exact_matrix(gold), _exact_matrix(given)
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
    for a, b in ((_exact_list(gold), _exact_list(given)), matrices):
        if a is not None and b is not None and a[0] == b[0]:
            return a == b
    for read in (_exact_union, _complex, _degrees):
        x, y = read(gold), read(given)
        if x is not None and y is not None:
            return x == y
    return None


def _plain(latex: str) -> str:
    """Without spaces, dollar signs around it, a full stop after it, and differences that never mean anything."""
    text = _SCRIPT.sub(r"\1\2", _NOISE.sub("", latex)).rstrip(".").strip("$").rstrip(".")
    return text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac").replace(r"\cfrac", r"\frac")


def _exact_list(plain: str) -> tuple[str, list[Fraction | float]] | None:
    """Brackets and members of a point or interval of exact numbers; one end of an interval may be infinite."""
    if not (match := _LIST.fullmatch(plain)):
        return None
    members = [_INFINITY.get(member) or _exact(member) for member in match[2].split(",")]
    known = [member for member in members if member is not None]
    if len(known) < max(2, len(members)):
        return None
    # (3,-oo) holds nothing, nor do others like it: whether they are the same is not for us to say.
    infinite = any(member in (inf, -inf) for member in known)
    return None if infinite and not (len(known) == 2 and known[0] < known[1]) else (match[1] + match[3], known)


def _exact_union(plain: str) -> list[tuple[Fraction | float, Fraction | float, str]] | None:
    """Intervals of exact numbers in ascending order, each with a gap before it: sets are the same if these are."""
    lists = [_exact_list(part) for part in plain.split(r"\cup")]
    if len(lists) < 2:
        return None
    parts = []
    for found in lists:
        if found is None or len(found[1]) != 2:
            return None
        brackets, (low, high) = found
        if low >= high or (low == -inf and brackets[0] == "[") or (high == inf and brackets[1] == "]"):
            return None
        parts.append((low, high, brackets))
    parts.sort()
    return parts if all(a[1] < b[0] for a, b in pairwise(parts)) else None


def _exact_matrix(latex: str) -> tuple[str, list[list[Fraction]]] | None:
    """Brackets and rows of a matrix of exact numbers."""
    if len(latex) > LONGEST or not (match := _MATRIX.fullmatch(latex.strip())):
        return None
    rows = [[_exact(_plain(entry)) for entry in row.split("&")] for row in match[2].split(r"\\")]
    known = [[entry for entry in row if entry is not None] for row in rows]
    return (match[1], known) if list(map(len, known)) == list(map(len, rows)) else None


def _complex(plain: str) -> tuple[Fraction, Fraction] | None:
    """Real and imaginary part of a+bi, bi+a or bi with whole numbers, or of an exact number."""
    if not (match := _COMPLEX.fullmatch(plain)):
        exact = _exact(plain)
        return None if exact is None else (exact, Fraction())
    real, imaginary = (match[1], match[2]) if match[1] else (match[4] or "0", match[3])
    return Fraction(real), Fraction(imaginary if imaginary[-1:].isdigit() else imaginary + "1")


def _degrees(plain: str) -> Fraction | None:
    """An exact number with a degree sign or without: the sign is dropped, as math-verify does."""
    return _exact(match[1] if (match := _DEGREES.fullmatch(plain)) else plain)


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
