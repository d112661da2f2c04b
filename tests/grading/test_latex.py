"""LaTeX answers that mean the same, and those that do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.grading.algebra import same
from synth_scaling.grading.latex import DEEPEST, LONGEST, settled


@pytest.mark.parametrize(
    ("gold", "given", "told"),
    [
        ("5", "5", True),
        ("5", " $5$. ", True),
        ("5", "6", False),
        (r"\frac{1}{2}", r"\dfrac{2}{4}", True),
        (r"\frac12", "1/2", True),
        ("-1/2", r"-\frac{1}{2}", True),
        ("1000", "1{,}000", True),
        ("10,000", "10000", True),
        ("5", "1/0", None),
        (r"\left(1, 2\right)", "(1,2)", True),
        ("x+1", "x+1", True),
        ("x+1", "1+x", None),
        ("0.5", "1/2", True),
        ("1.50", "1.5", True),
        ("-0.125", r"-\frac{2}{16}", True),
        ("0.33333", "1/3", None),  # math-verify compares to six places
        ("0.3333", "1/3", False),
        ("2.5", "25", False),
        ("2 .5", "25", None),
        ("1,5", "1.5", None),
        ("0.5x", "0.5", None),
        ("x^{2}", "x^2", True),
        ("(1,2)", r"\left( \frac{2}{2}, 2 \right)", True),
        ("(1,2)", "(2,1)", False),
        ("(1,2)", "(1,2,3)", False),
        ("(1,2)", "[1,2]", None),
        ("(1,2)", "(1,x)", None),
        ("5", "", False),
        ("5", "?", False),
        ("5", "5" * (LONGEST + 1), False),
        ("5", "{" * (DEEPEST + 1) + "5" + "}" * (DEEPEST + 1), False),
    ],
)
def test_what_needs_no_algebra(gold: str, given: str, told: bool | None) -> None:
    assert settled(gold, given) is told


@pytest.mark.parametrize(
    ("gold", "given", "right"),
    [
        (r"\frac{1}{2}", "0.5", True),
        (r"\sqrt{8}", r"2\sqrt{2}", True),
        ("x^2+2x+1", "(x+1)^2", True),
        ("x^2+2x+1", "(x+2)^2", False),
        ("3", "x=3", True),
        ("x=3", "3", True),
        ("3", "x=4", False),
        ("5", "2+3=5", True),
        ("8", "7=8", False),  # of two numbers neither may be wrong
        (r"50\%", "50", True),
        ("50", r"50\%", True),
        ("50", r"5\%", False),
        (r"\text{Evelyn}", "Evelyn", True),
        (r"\text{(A)}", "A", True),
        (r"\text{(A)}", "B", False),
        ("1,2", "2,1", True),
        ("(1,2)", "(2,1)", False),
        ("[1,2]", "(1,2)", False),
        ("5", "5 or 6", False),
        ("5", "5, 6", False),
        (r"90^\circ", "90", True),
        (r"5\text{ cm}", "5", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\3\end{pmatrix}", False),
        ("5", r"\frac{", False),
        ("5", "__import__('os').abort()", False),
    ],
)
def test_what_math_verify_says(gold: str, given: str, right: bool) -> None:
    assert same(gold, given) is right


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.integers(2, 50))
def test_a_fraction_is_the_same_however_it_is_expanded(top: int, bottom: int, factor: int) -> None:
    gold, given = rf"\frac{{{top}}}{{{bottom}}}", rf"\frac{{{top * factor}}}{{{bottom * factor}}}"
    assert settled(gold, given) is True
    assert settled(gold, rf"\frac{{{top * factor + 1}}}{{{bottom * factor}}}") is False
