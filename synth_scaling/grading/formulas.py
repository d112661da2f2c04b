r"""Formulas that can be compared by value: whole numbers, letters, roots, fractions, pi, and powers of them.

`3\sqrt{2}`, `x^2+2x+1`, `\frac{\pi}{6}`, `2^{-60}`: most of the answers in LaTeX that are no plain number. The parser
here reads nothing else. Rationals and polynomials are compared exactly, polynomials by their values at one point of
large rationals; roots and pi are enclosed in intervals of 400 bits. What has two readings, as `2\frac{1}{2}` or
`x(y)`, is not read, nor are letters that mean something (e, i, d, f) or that math-verify takes for units (m, s, t).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import isqrt
from typing import Any

from mpmath import iv

_LETTERS = "abknpquvwxyz"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>0|[1-9][0-9]{{0,29}})(?![0-9]*[.,])|(?P<letter>[{_LETTERS}])(?!\s+[^-+\s])"
    r"|\\(?P<word>pi|sqrt|[dt]?frac|cdot|times|left(?=\()|right(?=\)))(?![a-zA-Z])|(?P<sign>[-+^{}()]))\s*"
)
_UNITS = ("ab", "by", "way")  # to math-verify, at the end of an answer
iv.prec = 400
_PI = iv.pi
# One point of rationals with large denominators: two polynomials that differ agree there with probability < 1e-30.
_POINT = {
    letter: Fraction(10**37 + 7919 * i**3 + 1, 10**36 + 104729 * (i + 1)) + i for i, letter in enumerate(_LETTERS)
}
_SAME = 1e-100  # of the values' size: irrational values that agree to this are taken as equal
_BITS = 50_000  # of a numerator or denominator; a longer one is not read
_Value = Any  # a Fraction, or an interval of mpmath where roots or pi occur


class _Unread(Exception):
    pass


def same_value(gold: str, given: str) -> bool | None:
    """Whether two formulas are equal; None where one cannot be read, or where a value does not decide.

    Of formulas that mix letters with roots or pi, or have letters below a bar, only a difference is reported. A single
    letter is not read: it may stand for a word. Irrational values are equal if they agree to 100 digits, relative to
    their size.
    """
    try:
        one, other = _Formula(gold), _Formula(given)
    except (_Unread, ZeroDivisionError, ValueError):
        return None
    decided = one.is_decided and other.is_decided
    if isinstance(one.value, Fraction) and isinstance(other.value, Fraction):
        return False if one.value != other.value else True if decided else None
    difference = _interval(one.value) - _interval(other.value)
    if 0 not in difference:
        return False
    size = max(abs(_interval(one.value)).b, abs(_interval(other.value)).b)
    return True if decided and difference.delta <= _SAME * size else None


class _Formula:
    """Attributes: `value` at the point, and `is_decided` if it is a polynomial or a number."""

    def __init__(self, text: str) -> None:
        """Raises _Unread, ZeroDivisionError for 1/0, and ValueError for the root of a negative number."""
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

    def _sum(self) -> _Value:
        value = -self._product() if self._next("-") else self._product()
        while sign := self._next("+", "-"):
            term = self._product()
            value = _apply("+", value, term if sign == "+" else -term)
        return value

    def _product(self) -> _Value:
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
            product = _apply("*", product, value)
        return product

    def _factor(self) -> tuple[_Value, bool]:
        """Value, and whether there is a letter in it."""
        others, self._letters = self._letters, False
        value, letters = self._power(), self._letters
        self._letters |= others
        return value, letters

    def _power(self) -> _Value:
        begin = self._at
        value = self._atom()
        if not self._next("^"):
            return value
        letters = any(token in _POINT for token in self._tokens[begin : self._at])
        braced, minus = self._next("{"), self._next("-")
        digits = self._tokens[self._at]
        if not digits.isdigit() or ((len(digits) > 1 or minus) and not braced):
            raise _Unread
        power = -int(digits) if minus else int(digits)
        if (letters and not 0 <= power <= 20) or abs(power) > 1000:
            raise _Unread
        self._at += 1
        if braced:
            self._need("}")
        if isinstance(value, Fraction) and abs(power) * max(_size(value), 1) > _BITS:
            raise _Unread
        return value**power if isinstance(value, Fraction) or power >= 0 else 1 / value**-power

    def _atom(self) -> _Value:
        token = self._tokens[self._at]
        self._at += 1
        if token.isdigit():
            return Fraction(int(token))
        if token in _POINT:
            self._letters = True
            return _POINT[token]
        if token == "(":
            value = self._sum()
            self._need(")")
            return value
        if token in ("pi", "sqrt"):
            self._irrational = True
            return _PI if token == "pi" else _root(self._braced())
        if token == "frac":
            return _apply("/", self._braced(), self._denominator())
        raise _Unread

    def _denominator(self) -> _Value:
        letters, self._letters = self._letters, False
        value = self._braced()
        self._irrational |= self._letters  # no polynomial any more
        self._letters |= letters
        return value

    def _braced(self) -> _Value:
        self._need("{")
        value = self._sum()
        self._need("}")
        return value


def _apply(operator: str, a: _Value, b: _Value) -> _Value:
    """The result of `+`, `*` or `/`: exact for two fractions, else an interval."""
    if not (isinstance(a, Fraction) and isinstance(b, Fraction)):
        a, b = _interval(a), _interval(b)
        if operator == "/" and 0 in b:
            raise ZeroDivisionError
    elif _size(a) + _size(b) > _BITS:
        raise _Unread
    return a + b if operator == "+" else a * b if operator == "*" else a / b


def _root(value: _Value) -> _Value:
    """The square root, exact where it is a fraction. Raises ValueError for a negative number."""
    if not isinstance(value, Fraction):
        if value.a < 0:
            raise ValueError
        return iv.sqrt(value)
    if value < 0:
        raise ValueError
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    return Fraction(top, bottom) if Fraction(top, bottom) ** 2 == value else iv.sqrt(_interval(value))


def _interval(value: _Value) -> Any:
    return iv.mpf(value.numerator) / iv.mpf(value.denominator) if isinstance(value, Fraction) else value


def _size(value: Fraction) -> int:
    return value.numerator.bit_length() + value.denominator.bit_length()


def _is_whole(value: _Value) -> bool:
    """Whether a value is a whole number, or an interval that holds one and is narrow."""
    if isinstance(value, Fraction):
        return value.denominator == 1
    nearest = int(value.mid.a + 0.5) if value.delta < 1 else 0
    return nearest in value or nearest - 1 in value


def _tokens(text: str) -> Iterator[str]:
    end = 0
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise _Unread
        end, token = match.end(), match[match.lastgroup or 0]
        if token not in ("left", "right"):
            yield "frac" if token.endswith("frac") else token
