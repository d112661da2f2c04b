r"""Whether two LaTeX answers mean the same, by math-verify. Imported in worker processes only (:mod:`.workers`)."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

import sympy
from math_verify import LatexExtractionConfig, parse, verify

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that nothing bounds it; the process does


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
    right, found = _parsed(gold), _parsed(given)
    if not right or not found or not verify(right, found, timeout_seconds=None):  # no signals: the process is bounded
        return False
    if isinstance(found[0], sympy.Eq) and found[0].lhs.is_number and not isinstance(right[0], sympy.Eq):
        return bool(verify(right, found[0].lhs, timeout_seconds=None))
    return True


@lru_cache(maxsize=4096)
def _parsed(latex: str) -> list[Any]:
    box = LatexExtractionConfig(boxed_match_priority=0)
    return parse(f"\\boxed{{{latex}}}", [box], parsing_timeout=None)


# The first formula takes seconds: expressions are compiled, tables built. The fork server does it here, so that every
# worker begins with them and no response pays for it out of its bound.
same(r"\frac{x+1}{\sqrt{2}}", r"(1+x)\cdot 2^{-0.5}")
