r"""Formulas that can be compared by value: whole numbers, letters, roots, fractions, pi, and powers of them.

`3\sqrt{2}`, `x^2+2x+1`, `\frac{\pi}{6}`, `(x+1)(x-2)`: most of the answers in LaTeX that are no plain number. They are
read by a parser of their own, which knows nothing else and evaluates nothing but these, and are worked out to 60 digits
at a point where no two of them agree by chance. What has two readings, as `2\frac{1}{2}` or `x(y)`, is not read, nor
are letters that mean something (e, i, d, f) or that math-verify takes for units (m, s, t).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Context, Decimal, DecimalException, localcontext

_LETTERS = "abknpquvwxyz"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>0|[1-9][0-9]{{0,19}})(?![0-9]*[.,])|(?P<letter>[{_LETTERS}])(?!\s+[^-+\s])"
    r"|\\(?P<word>pi|sqrt|[dt]?frac|cdot|times|left(?=\()|right(?=\)))(?![a-zA-Z])|(?P<sign>[-+^{}()]))\s*"
)
_UNITS = ("ab", "by", "way")  # to math-verify, at the end of an answer
_DIGITS = Context(prec=60)
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")
_POINT = {letter: Decimal(2 + i).sqrt(_DIGITS).exp(_DIGITS) / (3 + i) for i, letter in enumerate(_LETTERS)}
_SAME, _DIFFERENT = Decimal("1e-45"), Decimal("1e-8")  # of the values' size


class _Unread(Exception):
    pass


def same_value(gold: str, given: str) -> bool | None:
    """Whether two formulas are equal; None where one cannot be read, or where a value does not decide.

    Of formulas that mix letters with roots or pi, or have letters below a bar, only a difference is told. A single
    letter is not read: it may stand for a word.
    """
    with localcontext(_DIGITS):
        try:
            one, other = _Formula(gold), _Formula(given)
        except (_Unread, DecimalException):
            return None
        gap, size = abs(one.value - other.value), 1 + abs(one.value) + abs(other.value)
        if gap > _DIFFERENT * size:
            return False
        return True if gap < _SAME * size and one.is_decided and other.is_decided else None


class _Formula:
    """Attributes: `value` at the point, and `is_decided` if it is a polynomial or a number."""

    def __init__(self, text: str) -> None:
        """Raises _Unread, and Decimal's exceptions for 1/0 and the root of a negative number."""
        self._tokens, self._at = [*_tokens(text), ""], 0
        self._letters = self._irrational = False
        if len(self._tokens) < 3 or text.rstrip().endswith(_UNITS):
            raise _Unread
        self.value = self._sum()
        self._need("")
        self.is_decided = not (self._letters and self._irrational)

    def _next(self, *wanted: str) -> str:
        """Pass over the next token and return it if it is one of `wanted`, else ''."""
        token = self._tokens[self._at]
        if token not in wanted:
            return ""
        self._at += 1
        return token

    def _need(self, token: str) -> None:
        if self._tokens[self._at] != token:
            raise _Unread
        self._at += 1

    def _sum(self) -> Decimal:
        value = -self._product() if self._next("-") else self._product()
        while sign := self._next("+", "-"):
            value += self._product() if sign == "+" else -self._product()
        return value

    def _product(self) -> Decimal:
        value, letters = self._factor()
        product = value
        while (after := self._tokens[self._at]) not in ("", "+", "-", ")", "}", "^"):
            before, whole = self._tokens[self._at - 1], not letters and _is_whole(value)
            times = self._next("cdot", "times")
            value, letters = self._factor()
            # Side by side, a whole number and another are a mixed number; before a bracket may be a function's name.
            mixed = whole and not letters and (_is_whole(value) or not (after == "pi" or _is_whole(value**2)))
            if not times and (after.isdigit() or mixed or (after == "(" and before != ")")):
                raise _Unread
            product *= value
        return product

    def _factor(self) -> tuple[Decimal, bool]:
        """Value, and whether there is a letter in it."""
        others, self._letters = self._letters, False
        value, letters = self._power(), self._letters
        self._letters |= others
        return value, letters

    def _power(self) -> Decimal:
        value = self._atom()
        if not self._next("^"):
            return value
        braced, digits = self._next("{"), self._tokens[self._at]
        if not digits.isdigit() or int(digits) > 20 or (len(digits) > 1 and not braced):
            raise _Unread
        self._at += 1
        if braced:
            self._need("}")
        return value ** int(digits)

    def _atom(self) -> Decimal:
        token = self._tokens[self._at]
        self._at += 1
        if token.isdigit():
            return Decimal(token)
        if token in _POINT:
            self._letters = True
            return _POINT[token]
        if token == "(":
            value = self._sum()
            self._need(")")
            return value
        if token in ("pi", "sqrt"):
            self._irrational = True
            return _PI if token == "pi" else self._braced().sqrt()
        if token == "frac":
            return self._braced() / self._denominator()
        raise _Unread

    def _denominator(self) -> Decimal:
        letters, self._letters = self._letters, False
        value = self._braced()
        self._irrational |= self._letters  # no polynomial any more
        self._letters |= letters
        return value

    def _braced(self) -> Decimal:
        self._need("{")
        value = self._sum()
        self._need("}")
        return value


def _is_whole(value: Decimal) -> bool:
    return abs(value - value.to_integral_value()) <= _SAME * (1 + abs(value))


def _tokens(text: str) -> Iterator[str]:
    end = 0
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise _Unread
        end, token = match.end(), match[match.lastgroup or 0]
        if token not in ("left", "right"):
            yield "frac" if token.endswith("frac") else token
