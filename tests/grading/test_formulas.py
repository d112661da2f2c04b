"""Formulas compared by value: what is read, what is left alone, and that math-verify says the same."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from synth_scaling.grading.algebra import same
from synth_scaling.grading.formulas import same_value
from synth_scaling.grading.rewards import in_worker


@pytest.mark.parametrize(
    ("gold", "given", "expected"),
    [
        (r"3\sqrt{8}", r"6\sqrt{2}", True),
        (r"\sqrt{8}", r"\sqrt{2} \cdot 2", True),
        (r"\sqrt{8}", r"2\sqrt{3}", False),
        (r"\sqrt{3+2\sqrt{2}}", r"1+\sqrt{2}", True),
        (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}", True),
        (r"\dfrac{2\pi}{4}", r"\frac{\pi}{2}", True),
        (r"\frac{\pi}{2}", r"\frac{\pi^2}{2}", False),
        ("x^2+2x+1", r"\left(x+1\right)^2", True),
        ("x^2+2x+1", "(x+2)^2", False),
        ("-x^2", "(-x)^2", False),
        ("2xy", "2yx", True),
        ("x^2-1", "(x-1)(x+1)", True),
        ("x^{12}", r"x^{6} \cdot x^{6}", True),
        (r"\frac{x^2}{2}", r"\frac{1}{2}x^2", True),
        ("2^{10}", "2^9 + 2^9", True),
        # A difference is expected, equality is left to math-verify:
        (r"\sqrt{x^2}", r"1\sqrt{x^2}", None),
        (r"\frac{1}{x+1}", r"\frac{2}{2x+2}", None),
        (r"\pi x^2", r"x^2 \pi", None),
        (r"\pi x^2", r"2 \pi x^2", False),
        # Not read: two readings, units, words, other meanings, nothing there, no number.
        (r"2\frac{1}{2}", r"\frac{5}{2}", None),
        ("x(x+1)", "x^2+x", None),
        ("2 3", "6", None),
        ("x12", "12x", None),
        ("x^12", "x^{12}", None),
        ("x^-1", "x^{-1}", None),
        ("x^{21}", "x^{20}x", None),
        ("x", "2x-x", None),
        ("5ab", "5ba", None),
        ("5m", "m5", None),
        ("2t", "t+t", None),
        ("3e", "e+e+e", None),
        ("3+4i", "4i+3", None),
        ("5a b", "5b a", None),
        (r"\frac{1}{0}", "1+1", None),
        (r"\sqrt{-4}", "1+1", None),
        (r"\sqrt 2", r"\sqrt{2}", None),
        ("1.5x", "3x", None),
        ("2,3", "3,2", None),
        ("x=3", "3+0", None),
        ("2(x", "2x)", None),
        ("1(7)", "7", None),
        ("(7)(7)", "49", None),
        (r"2\sqrt{9}", "6", None),
        (r"2\cdot\sqrt{9}", "2+4", True),
        (r"(3)\frac{1}{2}", "1+1", None),
        ("2(x+1)", "2x+2", None),
        ("", "1+1", None),
        ("x+", "x+1", None),
        ("9^{9^9}", "1+1", None),
        ("\u0661+1", "1+1", None),
    ],
)
def test_by_hand(gold: str, given: str, expected: bool | None) -> None:
    assert same_value(gold, given) is expected


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.tuples(inner, st.sampled_from(["+", "-", " - ", r"\cdot ", "", " "]), inner).map("".join)
    return st.one_of(
        joined,
        joined.map("({})".format),
        st.tuples(inner, st.sampled_from(["^2", "^{3}", "^0"])).map("".join),
        inner.map(r"\sqrt{{{}}}".format),
        st.tuples(inner, inner).map(lambda pair: r"\frac{{{}}}{{{}}}".format(*pair)),
    )


NUMBERS = st.integers(0, 12).map(str) | st.just(r"\pi")
FORMULAS = st.recursive(NUMBERS, _grown, max_leaves=4) | st.recursive(st.integers(1, 9).map(str) | st.just("x"), _grown)


@settings(max_examples=60)
@given(one=FORMULAS, change=st.sampled_from(["0+{}", "1({})", "({})+1", "{}+x-x", "{}"]), other=FORMULAS)
def test_math_verify_agrees(one: str, change: str, other: str) -> None:
    for gold, answer in ((one, change.format(one)), (one, other)):
        assume(len(gold + answer) < 60)
        expected = same_value(gold, answer)
        assert expected is None or expected is same(gold, answer), (gold, answer, expected)


@given(st.text(alphabet="0123456789xy+-^{}() \\fracsqtpi", max_size=40))
def test_any_text_is_read_or_not(text: str) -> None:
    assert same_value(text, text) is not False


def test_an_answer_that_is_no_formula_goes_to_math_verify() -> None:
    assert in_worker("latex", "3+4i", r"\boxed{4i+3}", False, False)
    assert not in_worker("latex", "3+4i", r"\boxed{4i-3}", False, False)
