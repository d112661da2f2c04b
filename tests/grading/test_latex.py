"""LaTeX answers that mean the same, and those that do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.grading.algebra import same
from synth_scaling.grading.latex import DEEPEST, LONGEST, settled


@pytest.mark.parametrize(
    ("gold", "given", "expected"),
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
        ("0.33333", "1/3", False),
        ("0.333333333333", "1/3", False),
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
        (r"(3,\infty)", r"(3, +\infty)", True),
        (r"(3,\infty)", r"(4,\infty)", False),
        (r"(-\infty,3]", r"(-\infty,\frac{6}{2}]", True),
        (r"(-\infty,3]", r"(3,\infty]", False),
        (r"(-\infty,\infty)", r"(-\infty,+\infty)", True),
        (r"(-\infty,3]", r"(-\infty,3)", None),
        (r"(3,-\infty)", r"(4,-\infty)", None),  # empty both
        (r"(3,\infty)", r"(3,5,\infty)", None),
        (r"(-\infty,1)\cup(3,\infty)", r"(3, +\infty) \cup (-\infty, 1)", True),
        (r"(-\infty,1)\cup(3,\infty)", r"(-\infty,1]\cup(3,\infty)", False),
        (r"(1,2)\cup(3,4)", r"(1,2)\cup(3,5)", False),
        (r"(1,2]\cup(2,4)", r"(1,4)\cup(5,6)", None),
        (r"(1,2)\cup(3,4)", r"(1,2)\cup(2,4)\cup(5,6)", None),
        (r"(1,2)\cup(3,4)", r"(1,2)\cup\{3\}", None),
        (r"90^\circ", "90", True),
        (r"90", r"90^{\circ}", True),
        (r"90^\circ", r"91^\circ", False),
        (r"90^\circ", "x", None),
        ("3+4i", "4i + 3", True),
        ("3+4i", "3-4i", False),
        ("3-i", "-i+3", True),
        ("3+4i", "3", False),
        ("3", "3+0i", None),
        ("2+1i", "2+i", None),
        ("-4i", "-4i+0", None),
        ("2i", "4i", False),
        ("i", "-i", False),
        ("3+4i", "(3,4)", None),
        ("3+4i", "3+4x", None),
        ("3+4ii", "3+4i", None),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ \frac{4}{2} \end{pmatrix}", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}", False),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}", False),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"$\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix}$", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{bmatrix}1\\2\end{bmatrix}", None),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\x\end{pmatrix}", None),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\2\\\end{pmatrix}", None),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\[2pt]2\end{pmatrix}", None),
        (r"\text{Evelyn}", "Evelyn", True),
        (r"\text{east}", "seat", False),
        (r"5\text{ cm}", "5", True),
        ("5", "", False),
        ("5", "?", False),
        ("5", "5" * (LONGEST + 1), False),
        ("5", "{" * (DEEPEST + 1) + "5" + "}" * (DEEPEST + 1), False),
    ],
)
def test_answers_that_need_no_algebra(gold: str, given: str, expected: bool | None) -> None:
    assert settled(gold, given) is expected


@pytest.mark.parametrize(
    ("gold", "given", "expected"),
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
        (r"\text{(A)}", "A", True),
        (r"\text{(A)}", "B", False),
        ("1,2", "2,1", True),
        ("(1,2)", "(2,1)", False),
        ("[1,2]", "(1,2)", False),
        ("5", "5 or 6", False),
        ("5", "5, 6", False),
        (r"90^\circ", "90", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\3\end{pmatrix}", False),
        ("5", r"\frac{", False),
        ("5", "__import__('os').abort()", False),
    ],
)
def test_answers_that_math_verify_decides(gold: str, given: str, expected: bool) -> None:
    assert same(gold, given) is expected


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.integers(2, 50))
def test_a_fraction_is_the_same_however_it_is_expanded(top: int, bottom: int, factor: int) -> None:
    gold, given = rf"\frac{{{top}}}{{{bottom}}}", rf"\frac{{{top * factor}}}{{{bottom * factor}}}"
    assert settled(gold, given) is True
    assert settled(gold, rf"\frac{{{top * factor + 1}}}{{{bottom * factor}}}") is False


NUMBERS = st.integers(-12, 12).map(str) | st.tuples(st.integers(-9, 9), st.integers(1, 9)).map(
    lambda pair: rf"\frac{{{pair[0]}}}{{{pair[1]}}}"
)
POINTS = st.tuples(NUMBERS, NUMBERS).map("({0[0]},{0[1]})".format)
# Not [2,1): it holds nothing, and to math-verify one such interval is like another.
ENDS = st.sampled_from(["(-\\infty", "[-9", "(-9"]), st.sampled_from(["\\infty)", "+\\infty)", "9]", "9)"])
INSIDE = st.integers(-8, 8).map(str)
OPEN, CLOSE = st.sampled_from("(["), st.sampled_from(")]")
LISTS = (
    POINTS
    | st.tuples(*ENDS).map(",".join)
    | st.tuples(ENDS[0], INSIDE, CLOSE).map("{0[0]},{0[1]}{0[2]}".format)
    | st.tuples(OPEN, INSIDE, ENDS[1]).map("{0[0]}{0[1]},{0[2]}".format)
)
UNIONS = st.permutations([0, 3, 6, 9]).flatmap(
    lambda lows: st.tuples(*(st.tuples(OPEN, st.just(low), st.sampled_from([1, 2]), CLOSE) for low in lows[:2])).map(
        lambda parts: r"\cup".join(f"{a}{low},{low + size}{b}" for a, low, size, b in parts)
    )
) | st.sampled_from([r"(-\infty,3)\cup(6,\infty)", r"[6,\infty)\cup(-\infty,3)", r"(6,+\infty)\cup(-\infty,3)"])
DEGREES = NUMBERS | NUMBERS.map(r"{}^\circ".format) | NUMBERS.map(r"{}^{{\circ}}".format)
WHOLE, TERMS = st.integers(-9, 9).map(str), st.integers(-9, 9).map("{:+}".format)
COMPLEX = (
    WHOLE
    | st.tuples(WHOLE, TERMS).map("{0[0]}{0[1]}i".format)
    | st.tuples(WHOLE, TERMS).map("{0[0]}i{0[1]}".format)
    | st.tuples(WHOLE, st.sampled_from("+-")).map("{0[0]}{0[1]}i".format)
    | TERMS.map("-i{}".format)
    | WHOLE.map("{}i".format)
)
MATRICES = st.tuples(st.sampled_from("pb"), st.sampled_from([r"\\", "&"]), NUMBERS, NUMBERS).map(
    lambda m: rf"\begin{{{m[0]}matrix}}{m[2]}{m[1]}{m[3]}\end{{{m[0]}matrix}}"
)


@pytest.mark.parametrize(
    "answers", [LISTS, DEGREES, COMPLEX, MATRICES], ids=["lists", "degrees", "complex", "matrices"]
)
def test_decisions_without_algebra_agree_with_math_verify(answers: st.SearchStrategy[str]) -> None:
    expected = []

    @settings(max_examples=40)
    @given(answers, answers)
    def check(gold: str, answer: str) -> None:
        for one, other in ((gold, answer), (gold, gold + " "), (answer, gold.replace("+", " + "))):
            known = settled(one, other)
            expected.append(known)
            assert known is None or known is same(one, other), (one, other, known)

    check()
    assert {True, False} <= set(expected)
