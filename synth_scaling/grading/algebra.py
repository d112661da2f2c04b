r"""Equality of two LaTeX answers by math-verify. Imported in worker processes only (:mod:`.workers`)."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

import sympy
from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify

from synth_scaling.grading.exact import confirmed, rounds_to

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that nothing bounds it; the process does

# Units are removed before (latex.tidy): math-verify drops any text after a number, `\text{million}` and `t` too.
_BOX = LatexExtractionConfig(
    boxed_match_priority=0,
    normalization_config=NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="all", equations=False
    ),
)
_REPEATING = re.compile(r"(?<![0-9.])([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)\{([0-9]+)\}")
_DECIMAL = re.compile(r"(?<![0-9.])([0-9]*)\.([0-9]+)(?![0-9.]|\\(?:overline|bar|dot|[lc]?dots))")
_ONE_DECIMAL = re.compile(r"-?[0-9]*\.[0-9]+")


def same(gold: str, given: str) -> bool:
    """Whether math-verify calls `given` equal to `gold` and exact arithmetic confirms it.

    Raises nothing that is an Exception; may take for ever. Stricter than math-verify: rationals are compared exactly,
    irrational values to 60 digits relative to their size (:mod:`.exact`); of an equation with a number on its left, as
    in `7=8`, both sides must agree, where math-verify reads the right one alone. Milder in two things: a percent sign
    that one of the two lacks is dropped, as is the custom with MATH, and a decimal with at least six places and six
    significant digits equals the irrational number that rounds to it.
    """
    try:
        if _equal(gold, given):
            return True
        if abs(gold.count("%") - given.count("%")) == 1:
            return _equal(re.sub(r"\\?%", "", gold), re.sub(r"\\?%", "", given))
    except Exception:  # there is hardly an exception that sympy does not raise on text like this
        pass
    return False


def _equal(gold: str, given: str) -> bool:
    for decimal, other in ((given, gold), (gold, given)):
        if _ONE_DECIMAL.fullmatch(decimal.strip(" $")) and (values := _parsed(other)):
            return rounds_to(values[0], decimal.strip(" $"))
    gold_values, values = _parsed(gold), _parsed(given)
    # No signals: the process is bounded.
    if not gold_values or not values or not verify(gold_values, values, timeout_seconds=None):
        return False
    expected, value = gold_values[0], values[0]
    if isinstance(value, sympy.Eq) and value.lhs.is_number and not isinstance(expected, sympy.Eq):
        return bool(verify(gold_values, value.lhs, timeout_seconds=None)) and confirmed(expected, value.lhs)
    return confirmed(expected, value)


@lru_cache(maxsize=4096)
def _parsed(latex: str) -> list[Any]:
    """math-verify's reading, with decimals as the fractions that they are."""
    exact = _REPEATING.sub(_repeating, latex)
    exact = _DECIMAL.sub(lambda m: rf" (\frac{{{int(m[1] + m[2])}}}{{{10 ** len(m[2])}}})", exact)
    return parse(f"\\boxed{{{exact}}}", [_BOX], parsing_timeout=None)


def _repeating(match: re.Match[str]) -> str:
    """A repeating decimal as the fraction that it is: 0.1\\overline{6} is (16 - 1) / 90."""
    whole, start, period = match.groups()
    top = int(whole + start + period) - int(whole + start or "0")
    return rf" (\frac{{{top}}}{{{(10 ** len(period) - 1) * 10 ** len(start)}}})"


# The first formula takes seconds: expressions are compiled, tables built. The fork server does it here, so that every
# worker starts with them and no response pays for it out of its bound.
same(r"\frac{x+1}{\sqrt{2}}", r"(1+x)\cdot 2^{-0.5}")
