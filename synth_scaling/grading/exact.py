"""Exact equality of two sympy objects that math-verify calls equal, or to 60 digits where that is impossible.

math-verify compares values to 15 digits, and decimals to six places; both accept different rationals.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy
from sympy import Basic, Eq, Expr, FiniteSet, Integer, Interval, MatrixBase, Rational, Set, Symbol, Tuple
from sympy.core.relational import Relational

DIGITS = 60  # to which irrational values must agree, relative to their size
_PLACES = 6  # decimals, and significant digits, that an answer in decimals for an irrational value must have
_POINTS = ((Rational(1237, 709), Rational(311, 1013)), (Rational(2213, 1009), Rational(419, 1511)))


def confirmed(a: Any, b: Any) -> bool:
    """Whether `a`, the gold value, and `b` are equal: exactly, or to `DIGITS` digits where values are irrational.

    Of kinds of objects that are not compared part by part only those that sympy calls equal are confirmed.
    """
    if isinstance(a, str) or isinstance(b, str) or a == b:
        return bool(a == b)
    if isinstance(a, MatrixBase) or isinstance(b, MatrixBase):
        a, b = (x.doit() if hasattr(x, "doit") else x for x in (a, b))
        return getattr(a, "shape", 0) == getattr(b, "shape", 1) and all(map(_same_values, a.flat(), b.flat()))
    if _is_relation(a) and _is_relation(b):
        return _same_relations(a, b)
    if _is_relation(a) or _is_relation(b):
        return _confirmed_unwrapped(a, b)
    if isinstance(a, (Set, Tuple)) or isinstance(b, (Set, Tuple)):
        return _same_sets(a, b)
    return _same_values(a, b)


def rounds_to(value: Any, decimal: str) -> bool:
    """Whether `value` is the number that `decimal` writes, or an irrational one that rounds to it.

    The latter takes a decimal of at least six places and six significant digits: `1.414214` for the root of two.
    """
    if isinstance(value, (Set, Tuple)) and len(value.args) == 1:
        value = value.args[0]
    if isinstance(value, Eq) and isinstance(value.lhs, Symbol):
        value = value.rhs
    if not isinstance(value, Expr) or value.free_symbols:
        return False
    written, value = Rational(decimal), value.doit()
    if value.is_Rational:
        return bool(value == written)
    places, digits = len(decimal.partition(".")[2]), len(decimal.lstrip("-0.").replace(".", ""))
    number = value.evalf(DIGITS)
    if places < _PLACES or digits < _PLACES or not number.is_Float:
        return False
    rounded = round(Fraction(Rational(number).p, Rational(number).q) * 10**places)
    return bool(written == Rational(rounded, 10**places))


def _is_relation(x: Any) -> bool:
    return isinstance(x, Relational) or type(x).__name__ == "And"


def _last(x: Any) -> Any:
    """The last relation of a chain such as x = 1 + 2 = 3."""
    return x if isinstance(x, Relational) else _last(getattr(x, "_unsorted_args", x.args)[-1])


def _confirmed_unwrapped(a: Any, b: Any) -> bool:
    """With the right side of an equation in its place, as `x = 3` for 3, or the set that an inequality describes."""
    relation, other = (a, b) if _is_relation(a) else (b, a)
    if isinstance(other, Set) and not isinstance(_last(relation), Eq):
        return _same_sets(relation.as_set(), other)
    return isinstance(_last(relation), Eq) and confirmed(_last(relation).rhs, other)


def _same_relations(a: Any, b: Any) -> bool:
    if not isinstance(a, Relational) or not isinstance(b, Relational):
        if isinstance(a, Relational) != isinstance(b, Relational):
            return isinstance(_last(a), Eq) and isinstance(_last(b), Eq) and confirmed(_last(a).rhs, _last(b).rhs)
        x, y = (getattr(chain, "_unsorted_args", chain.args) for chain in (a, b))
        return len(x) == len(y) and all(map(_same_relations, x, y))
    one, other = a.lhs - a.rhs, b.lhs - b.rhs
    if isinstance(a, Eq) and isinstance(b, Eq):
        if a.free_symbols != b.free_symbols:
            return False
        if _proportional(one, other):
            return True
        x, y = (sorted(sympy.solve(equation, dict=True), key=str) for equation in (a, b))
        return len(x) == len(y) > 0 and all(
            g.keys() == p.keys() and all(_same_values(g[k], p[k]) for k in g) for g, p in zip(x, y, strict=True)
        )
    if type(a) is type(b) and _same_values(one, other):
        return True
    if type(a) is type(b.reversed) and _same_values(one, -other):
        return True
    return bool(a.as_set() == b.as_set()) if len(a.free_symbols) == 1 else False


def _same_sets(a: Any, b: Any) -> bool:
    if isinstance(a, Interval) and isinstance(b, Interval):
        ends = _same_values(a.start, b.start) and _same_values(a.end, b.end)
        return ends and (a.left_open, a.right_open) == (b.left_open, b.right_open)
    if isinstance(a, (FiniteSet, Tuple, Interval)) and isinstance(b, (FiniteSet, Tuple, Interval)):
        x, y = (list(_members(s)) for s in (a, b))
        if isinstance(a, FiniteSet) and isinstance(b, FiniteSet):
            return len(x) == len(y) and _matched(x, y)
        return len(x) == len(y) and all(map(confirmed, x, y))
    if isinstance(a, Set) and isinstance(b, Set):
        return bool(a.symmetric_difference(b).is_empty)
    single, other = (a, b) if isinstance(a, (Set, Tuple)) else (b, a)
    return len(single.args) == 1 and confirmed(single.args[0], other)


def _members(s: Any) -> Any:
    """The members in order: a point may have been read as an open interval."""
    return (s.start, s.end) if isinstance(s, Interval) else getattr(s, "_unsorted_args", s.args)


def _matched(x: list[Any], y: list[Any]) -> bool:
    """Whether each member of `x` equals one of `y` that no other member equals."""
    rest = list(y)
    for member in x:
        partner = next((i for i, other in enumerate(rest) if confirmed(member, other)), None)
        if partner is None:
            return False
        del rest[partner]
    return True


def _same_values(a: Any, b: Any) -> bool:
    if not isinstance(a, Expr) or not isinstance(b, Expr):
        return confirmed(a, b) if isinstance(a, Basic) and isinstance(b, Basic) and type(a) is not type(b) else a == b
    if a == b:
        return True
    if _is_word(a) or _is_word(b):
        return str(a).lower() == str(b).lower()  # not the letters in any order, as math-verify does
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    for point in _POINTS if symbols else _POINTS[:1]:
        at = dict(zip(symbols, (point[0] + i * point[1] for i in range(len(symbols))), strict=True))
        x, y = (e.subs(at).doit() for e in (a, b))
        if x.is_Rational and y.is_Rational:
            if x != y:
                return False
            continue
        x, y = (e.evalf(DIGITS + 20, maxn=4 * DIGITS + 200) for e in (x, y))
        if not (x.is_number and y.is_number and x.is_finite and y.is_finite):
            return bool(sympy.simplify(a - b) == 0)
        if not _close(x, y):
            return False
    return True


def _proportional(one: Any, other: Any) -> bool:
    """Whether two expressions have one ratio at both points, as the sides of equal equations do."""
    values = [_value(e, point) for e in (one, other) for point in _POINTS]
    if any(value is None or value == 0 for value in values):
        return False
    return _close(values[0] * values[3], values[1] * values[2])


def _value(e: Any, point: tuple[Any, Any]) -> Any:
    symbols = sorted(e.free_symbols, key=str)
    value = e.subs({s: point[0] + i * point[1] for i, s in enumerate(symbols)}).doit()
    if not value.is_Rational:
        value = value.evalf(DIGITS + 20, maxn=4 * DIGITS + 200)
    return value if value.is_number and value.is_finite else None


def _close(x: Any, y: Any) -> bool:
    """Whether two values agree to `DIGITS` digits, relative to the larger."""
    size = max(abs(x), abs(y))
    return bool(abs(x - y) <= size * Rational(1, Integer(10) ** DIGITS))


def _is_word(e: Any) -> bool:
    return isinstance(e, Symbol) and len(e.name) > 1 and "_" not in e.name and not e.name.startswith("\\")
