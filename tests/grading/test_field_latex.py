"""LaTeX of kinds that field reports broke: unequal values, equal forms, sentences, with the grade of each."""

# ruff: noqa: RUF001 (signs that look like letters are the subject)
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.grading.latex import settled
from synth_scaling.grading.rewards import in_worker

UNEQUAL_LATEX = [
    ("32349", "\\boxed{32, 349}"),
    ("100, 101", "\\boxed{100101}"),
    ("100,101", "\\boxed{100, 101}"),
    ("35", "\\boxed{3 5}"),
    ("35", "\\boxed{3\\,5}"),
    ("35", "\\boxed{3\\ 5}"),
    ("35", "\\boxed{3~5}"),
    ("7/2", "\\boxed{3 1/2 1}"),
    ("11", "\\boxed{11_2}"),
    ("60", "\\boxed{60\\text{ million}}"),
    ("60", "\\boxed{60\\text{ dozen}}"),
    ("60", "\\boxed{60M}"),
    ("60", "\\boxed{60 k}"),
    ("60", "\\boxed{60k}"),
    ("60", "\\boxed{60 \\pi}"),
    ("60", "\\boxed{60 pi}"),
    ("60", "\\boxed{60π}"),
    ("5", "\\boxed{5t}"),
    ("5", "\\boxed{5m}"),
    ("5t", "\\boxed{5}"),
    ("5", "\\boxed{5x}"),
    ("1/54", "\\boxed{1/54^2}"),
    ("3", "\\boxed{\\pm 3}"),
    ("5", "\\boxed{5, 6}"),
    ("5", "\\boxed{5!}"),
    ("x^2", "\\boxed{x2}"),
    ("x", "\\boxed{x²}"),
    ("\\sqrt{2}", "\\boxed{1.4142135638}"),
    ("\\sqrt{2}", "\\boxed{1.41421}"),
    ("\\frac13", "\\boxed{0.333333333}"),
    ("\\frac12", "\\boxed{0.5000000005}"),
    ("0.5x", "\\boxed{0.5000000005x}"),
    ("\\frac{1}{2^{54}}", "\\boxed{\\frac{1}{2^{55}}}"),
    ("\\frac{1}{3^{36}}", "\\boxed{\\frac{2}{3^{36}}}"),
    ("\\frac{1}{19!}", "\\boxed{\\frac{1}{20!}}"),
    ("1/19!", "\\boxed{-1/19!}"),
    ("(1,\\frac{1}{2^{60}})", "\\boxed{(1,\\frac{1}{2^{61}})}"),
    ("\\{1,\\frac{1}{2^{60}}\\}", "\\boxed{\\{1,\\frac{1}{2^{61}}\\}}"),
    ("x+\\frac{1}{2^{60}}", "\\boxed{x+\\frac{1}{2^{61}}}"),
    ("x=\\frac{1}{2^{60}}", "\\boxed{x=\\frac{1}{2^{61}}}"),
    ("y=2x+\\frac{1}{2^{60}}", "\\boxed{y=2x+\\frac{1}{2^{61}}}"),
    ("10^{-17}", "\\boxed{0}"),
    ("\\sqrt{2}", "\\boxed{\\sqrt{2}+10^{-20}}"),
    ("\\pi", "\\boxed{\\pi+10^{-17}}"),
    ("e^{-40}", "\\boxed{e^{-41}}"),
    ("(\\frac{1}{2^{60}},\\infty)", "\\boxed{(\\frac{1}{2^{61}},\\infty)}"),
    ("\\frac{1}{10^{20}\\cdot 10^{20}\\cdot 10^{20}}", "\\boxed{\\frac{2}{10^{20}\\cdot 10^{20}\\cdot 10^{20}}}"),
    ("10^{40}", "\\boxed{10^{40}+1}"),
    ("(1,234)", "\\boxed{1234}"),
    ("1234", "\\boxed{(1,234)}"),
    ("3.14", "\\boxed{3,14}"),
    ("east", "\\boxed{seat}"),
    ("\\text{east}", "\\boxed{seat}"),
    ("\\text{even}", "\\boxed{\\text{odd}}"),
    ("\\sqrt{10^{-40}}", "\\boxed{0}"),
    ("\\log 2", "\\boxed{\\log_{10} 2 +10^{-18}}"),
    (
        "\\begin{pmatrix}1\\\\ \\frac{1}{2^{60}}\\end{pmatrix}",
        "\\boxed{\\begin{pmatrix}1\\\\ \\frac{1}{2^{61}}\\end{pmatrix}}",
    ),
    ("60", "\\boxed{60 \\text{ hundredths}}"),
    ("60", "\\boxed{60\\text{ lakh}}"),
    ("60", "\\boxed{\\text{60 million}}"),
    ("60", "\\boxed{60\\%\\%}"),
    ("60", "\\boxed{60 \\times 10^3}"),
    ("\\frac{1}{2}", "\\boxed{12}"),
    ("2\\frac{1}{2}", "\\boxed{1}"),
    ("x \\le 0.5", "\\boxed{x \\le 0.5000000001}"),
    ("\\sin 1", "\\boxed{\\sin 1 + 10^{-18}}"),
    ("1,2,3", "\\boxed{1,2}"),
    ("1,2", "\\boxed{1,2,3}"),
    ("2^{1000}", "\\boxed{2^{1000}+1}"),
    ("\\frac{2^{100}+1}{2^{100}}", "\\boxed{1}"),
]
EQUAL_LATEX = [
    ("30^\\circ", "\\boxed{30°}"),
    ("30", "\\boxed{30°}"),
    ("\\sqrt{3}", "\\boxed{√3}"),
    ("\\sqrt{3}", "\\boxed{√(3)}"),
    ("2\\sqrt{3}", "\\boxed{2√3}"),
    ("x^2", "\\boxed{x²}"),
    ("\\infty", "\\boxed{∞}"),
    ("x^{10}", "\\boxed{x¹⁰}"),
    ("\\frac12", "\\boxed{½}"),
    ("7/2", "\\boxed{3½}"),
    ("\\frac{7}{2}", "\\boxed{3 1/2}"),
    ("\\pi", "\\boxed{π}"),
    ("2\\pi", "\\boxed{2π}"),
    ("-3", "\\boxed{-3°C}"),
    ("-3", "\\boxed{−3}"),
    ("880", "\\boxed{880\\$}"),
    ("880", "\\boxed{\\$880}"),
    ("18", "\\boxed{18 €}"),
    ("1250", "\\boxed{1\\,250}"),
    ("1250", "\\boxed{1{,}250}"),
    ("1250", "\\boxed{1,250}"),
    ("1250", "\\boxed{1\u202f250}"),
    ("5", "\\boxed{5\\text{ cm}}"),
    ("5", "\\boxed{5\\text{ cm}^2}"),
    ("5", "\\boxed{5\\text{ square units}}"),
    ("5", "\\boxed{5 \\mathrm{~cm}}"),
    ("3\\sqrt{2}", "\\boxed{3\\sqrt{2}\\text{ cm}}"),
    ("3\\sqrt{2}", "\\boxed{3\\sqrt{2} cm}"),
    ("\\frac{\\pi}{2}", "\\boxed{\\frac{\\pi}{2}\\text{ radians}}"),
    ("x=3", "\\boxed{3}"),
    ("3", "\\boxed{x=3}"),
    ("\\frac{1}{3}", "\\boxed{0.\\overline{3}}"),
    ("\\frac16", "\\boxed{0.1\\overline{6}}"),
    ("50\\%", "\\boxed{50}"),
    ("0.5", "\\boxed{50\\%}"),
    ("50", "\\boxed{50\\%}"),
    ("\\sqrt{2}", "\\boxed{1.414214}"),
    ("\\pi", "\\boxed{3.141593}"),
    ("1.4", "\\boxed{\\frac{7}{5}}"),
    ("0.5x", "\\boxed{\\frac{x}{2}}"),
    ("(3,\\frac{\\pi}{2})", "\\boxed{\\left(3,\\frac{\\pi}{2}\\right)}"),
    ("1,2", "\\boxed{2,1}"),
    ("1,2", "\\boxed{2, 1}"),
    ("y=2x+3", "\\boxed{y-3=2x}"),
    ("10^{-17}", "\\boxed{\\frac{1}{10^{17}}}"),
    ("2516_8", "\\boxed{2516}"),
    ("2516_8", "\\boxed{2516_{8}}"),
    ("\\{1,2\\}", "\\boxed{\\{2,1\\}}"),
    ("[0.5,1)", "\\boxed{[\\frac12,1)}"),
    ("\\text{Evelyn}", "\\boxed{Evelyn}"),
    ("\\text{(A)}", "\\boxed{A}"),
    ("A", "\\boxed{\\textbf{(A)}}"),
    ("x \\le 0.5", "\\boxed{x \\leq \\frac12}"),
    ("(-\\infty, 3)", "\\boxed{(−∞, 3)}"),
    ("(1,2)\\cup(3,4)", "\\boxed{(1,2)∪(3,4)}"),
    ("3,5", "\\boxed{3 \\text{ or } 5}"),
    ("3,5", "\\boxed{3 \\text{ and } 5}"),
    ("1/19!", "\\boxed{\\frac{1}{19!}}"),
    ("\\frac{1}{2}\\log 2", "\\boxed{\\log\\sqrt{2}}"),
    ("100, 101", "\\boxed{100, 101}"),
    ("100, 101", "\\boxed{101, 100}"),
    ("6", "\\boxed{\\textbf{6}}"),
    ("x \\in [1,2]", "\\boxed{[1,2]}"),
    ("e^{2}", "\\boxed{e^2}"),
    ("5", "\\boxed{**5**}"),
    ("\\frac{\\sqrt{3}}{2}", "\\boxed{sqrt(3)/2}"),
]
SENTENCES = [
    ("(3,\\frac{\\pi}{2})", "The final answer is $(3,\\frac{\\pi}{2}).$"),
    ("(3,\\frac{\\pi}{2})", "The final answer is $(3,\\frac{\\pi}{2}).$ I hope it is correct."),
    ("18", "The answer is **18**."),
    ("18", "**Answer:** **18**"),
    ("x+1", "The answer is \\(1+x.\\)"),
    ("18", "Answer: `18`"),
    ("18", "#### 18 ####"),
]


@pytest.mark.parametrize(("gold", "response"), UNEQUAL_LATEX)
def test_unequal_latex_is_incorrect(gold: str, response: str) -> None:
    assert not in_worker("latex", gold, response, False, False)


@pytest.mark.parametrize(("gold", "response"), [*EQUAL_LATEX, *SENTENCES])
def test_equal_latex_is_correct(gold: str, response: str) -> None:
    assert in_worker("latex", gold, response, False, False)


@settings(max_examples=300)
@given(st.fractions(), st.fractions())
def test_rationals_are_compared_exactly(one: object, other: object) -> None:
    frac = r"\frac{{{0.numerator}}}{{{0.denominator}}}".format
    assert settled(frac(one), frac(other)) in ((one == other), None)
    assert len(frac(one)) > 100 or settled(frac(one), frac(one)) is True


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 900), st.integers(1, 9), st.integers(-3, 3))
def test_tiny_differences_are_seen(power: int, top: int, shift: int) -> None:
    gold, answer = rf"{top}-\frac{{1}}{{2^{{{power}}}}}", rf"\boxed{{{top}-\frac{{1}}{{2^{{{power + shift}}}}}}}"
    assert in_worker("latex", gold, answer, False, False) is (shift == 0)
