"""Answers of kinds that real data and field reports broke: each pair of gold answer and response, with its grade."""

# ruff: noqa: RUF001 (signs that look like letters are the subject)
from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.latex import settled
from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.grading.rewards import in_worker
from tests.support.shared_data import DATA

SCALED = [
    ("60", "#### 60M"),
    ("60", "#### 60 hundredths"),
    ("60", "#### 60 lakh"),
    ("60", "#### 60 pi"),
    ("60", "#### 60 crore"),
    ("60", "#### 60 gross"),
    ("60", "#### 60 dozen"),
    ("60", "#### 60 tenths"),
    ("60", "#### 60 fifths"),
    ("60", "#### 60k"),
    ("60", "#### 60 K"),
    ("60", "#### 60 divided by two"),
    ("60", "#### 60 through seventy"),
    ("60", "#### 60 bn"),
    ("60", "#### 60bn"),
    ("60", "#### 60 B"),
    ("60", "#### 60 mn"),
    ("60", "#### 60m"),
    ("60", "#### $60m"),
    ("60", "#### 60 score"),
    ("60", "#### 60 percent of fifty"),
    ("60", "#### 60 and a half"),
    ("60", "#### 60 per dozen"),
    ("60", "#### 60!"),
    ("60", "#### 60²"),
    ("60", "#### 60^2"),
    ("60", "#### 60 ± 2"),
    ("60", "#### ±60"),
    ("60", "#### 60/2"),
    ("60", "#### 60 x 10^3"),
    ("60", "#### 60 × 10^3"),
    ("60", "#### 60e3"),
    ("60", "#### 60 thousandths"),
    ("60", "#### 60‰"),
    ("60", "#### 60 ½"),
    ("60", "#### 60½"),
    ("60", "#### 60π"),
    ("60", "#### 60 kilo"),
    ("60", "#### 60-70"),
    ("60", "#### 60–70"),
    ("60", "#### 60 to 70"),
    ("60", "#### 60:1"),
    ("60", "#### 60%%"),
    ("60", "#### 60 mille"),
    ("60", "#### 6 0"),
    ("60", "#### 60,5"),
    ("60", "#### 60 square"),
    ("60", "#### 60 or so"),
    ("60", "#### 60+"),
    ("60", "#### 60 negative"),
    ("60", "#### 60 factorial"),
    ("60", "#### 60 over two"),
    ("60", "#### 60 times two"),
    ("60", "#### 60 times ten"),
    ("60", "#### 60 twos"),
    ("60", "#### 60 squared"),
    ("60", "#### 60 cubed"),
    ("60", "#### 60 MM"),
    ("60", "#### 60 G"),
    ("60", "#### 60 T"),
    ("60", "#### 60T"),
    ("60", "#### 60 million eggs"),
    ("60", "#### 60 (thousand)"),
    ("60", "#### 60 eggs, in thousands"),
    ("60", "#### 60 000"),
    ("60", "#### ~60"),
    ("60", "#### ≈60"),
    ("60", "#### >60"),
    ("60", "#### 60ish"),
    ("60", "#### 60 odd"),
    ("60", "#### 60 below zero"),
    ("60", "#### 60 less"),
    ("60", "#### - 60"),
    ("60", "#### 60 pairs"),
    ("60", "#### 60 couples"),
    ("60", "#### 60 billion"),
    ("60", "#### 60 Mio"),
    ("60", "#### 60 mil"),
    ("60", "#### 60 grand"),
    ("60", "#### 60 万"),
    ("60", "#### 60 тысяч"),
    ("60", "#### 60 tens"),
    ("60", "#### 60 hundred"),
    ("60", "#### 60 oz and a half"),
    ("60", "#### 60 i"),
    ("60", "#### 60 x"),
    ("60", "#### 60x"),
    ("60", "#### 60 e"),
    ("60", "#### 60 log"),
    ("60", "#### one 60"),
    ("60", "#### 160"),
    ("60", "#### 60 basis points"),
    ("60", "#### 60 permille"),
    ("60", "#### 60 thirds"),
    ("60", "#### 60 seconds and a half"),
    ("60", "#### 60.5"),
    ("60", "#### 6.0e1"),
    ("60", "#### -60"),
    ("60", "#### (60)"),
    ("60", "#### 60 C"),
    ("60", "#### 60 halves"),
]
WITH_UNITS = [
    ("60", "#### 60 eggs"),
    ("60", "#### 60."),
    ("60", "#### 60 dollars per day"),
    ("60", "#### $60"),
    ("60", "#### 60$"),
    ("60", "#### 60 \\$"),
    ("60", "#### 60€"),
    ("60", "#### €60"),
    ("60", "#### 60 percent"),
    ("60", "#### 60%"),
    ("60", "#### 60\\%"),
    ("60", "#### 60 °C"),
    ("60", "#### 60°"),
    ("60", "#### 60^\\circ"),
    ("60", "#### 60^{\\circ}"),
    ("60", "#### 60 km/h"),
    ("60", "#### 60 mph"),
    ("60", "#### 60 m²"),
    ("60", "#### 60 m^2"),
    ("60", "#### 60 square meters"),
    ("60", "#### 60 cm"),
    ("60", "#### 60cm"),
    ("60", "#### 60\\,\\mathrm{cm}"),
    ("60", "#### 60\\text{ cm}"),
    ("60", "#### 60~\\text{cm}"),
    ("60", "#### 60 \\rm cm"),
    ("60", "#### {\\rm 60}"),
    ("60", "#### **60**"),
    ("60", "#### *60*"),
    ("60", "#### __60__"),
    ("60", "#### `60`"),
    ("60", "#### $60$"),
    ("60", "#### $$60$$"),
    ("60", "#### \\(60\\)"),
    ("60", "#### \\[60\\]"),
    ("60", "#### $60$ dollars"),
    ("60", "#### \\textbf{60}"),
    ("60", "#### $\\mathbf{60}$"),
    ("60", "#### US$60"),
    ("60", "#### USD 60"),
    ("60", "#### 60 USD"),
    ("60", "#### Rs. 60"),
    ("60", "#### ₹60"),
    ("60", "#### 120/2"),
    ("60", "#### 6.0 × 10^1"),
    ("60", "#### 6 \\times 10^{1}"),
    ("60", "#### 6×10¹"),
    ("60", "#### 60.00"),
    ("60", "#### 060"),
    ("60", "#### +60"),
    ("60", "#### 60 eggs each"),
    ("60", "#### 60 more apples"),
    ("60", "#### **$60**"),
    ("60", "#### **60** eggs"),
    ("60", "#### 60 years old"),
    ("60", "#### 60 degrees"),
    ("60", "#### 60 minutes"),
    ("60", "#### 60 in total"),
    ("60", "#### 60 hours left"),
    ("60", "#### 60 people"),
    ("60", "#### 60 miles per hour"),
]
WRITTEN = [
    ("1250", "#### 1,250"),
    ("1250", "#### 1\\,250"),
    ("1250", "#### 1{,}250"),
    ("1250", "#### 1,\\!250"),
    ("1250", "#### 1\xa0250"),
    ("1250", "#### 1\u202f250"),
    ("1250", "#### 1\u2009250"),
    ("1250", "#### $1,250.00"),
    ("1250", "A: 1,250 dollars"),
    ("3.5", "#### 3 1/2"),
    ("3.5", "#### 3½"),
    ("3.5", "#### 3 ½"),
    ("3.5", "#### 7/2"),
    ("3.5", "#### 3\\frac{1}{2}"),
    ("3.5", "#### 3.50"),
    ("3.5", "#### 3 1/2 hours"),
    ("3.5", "#### 3½ cups"),
    ("-3", "#### -3"),
    ("-3", "#### −3"),
    ("-3", "#### -3°C"),
    ("-3", "#### -$3"),
    ("-3", "#### $-3"),
    ("-3", "#### -3 °F"),
    ("-3", "#### -3"),
    ("0.5", "#### ½"),
    ("0.5", "#### 1⁄2"),
    ("0.75", "#### 3/4 cup"),
    ("0.75", "#### ¾"),
]
OTHER_NUMBERS = [
    ("1250", "#### 1 250"),
    ("1250", "#### 1250,00"),
    ("1250", "#### 12,50"),
    ("1250", "#### 1.250"),
    ("1250", "#### 1 ,250"),
    ("1250", "#### 1, 250"),
    ("1250", "#### 1\xa025"),
    ("1250", "#### 1_250"),
    ("3", "#### 3 1/2"),
    ("3.5", "#### 3 5/10 1"),
    ("5", "#### 5/1.5"),
    ("2", "#### 2½"),
]
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


@pytest.mark.parametrize(("gold", "response"), [*SCALED, *OTHER_NUMBERS])
def test_another_number_is_incorrect(gold: str, response: str) -> None:
    assert not in_worker("number", gold, response, False, False)


@pytest.mark.parametrize(("gold", "response"), [*WITH_UNITS, *WRITTEN])
def test_a_number_in_another_form_is_correct(gold: str, response: str) -> None:
    assert in_worker("number", gold, response, False, False)


@pytest.mark.parametrize(("gold", "response"), UNEQUAL_LATEX)
def test_unequal_latex_is_incorrect(gold: str, response: str) -> None:
    assert not in_worker("latex", gold, response, False, False)


@pytest.mark.parametrize(("gold", "response"), [*EQUAL_LATEX, *SENTENCES])
def test_equal_latex_is_correct(gold: str, response: str) -> None:
    assert in_worker("latex", gold, response, False, False)


FILES = {"after": ("number", True), "bold": ("number", True), "scale": ("number", False), "tiny": ("latex", False)}
FILES["uni"] = ("latex", True)


@pytest.mark.skipif(not (DATA / "field").is_dir(), reason="no shared data")
@pytest.mark.parametrize("name", FILES)
def test_field_reports(name: str) -> None:
    kind, correct = FILES[name]
    for line in (DATA / "field" / f"{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert in_worker(kind, row["answer"], row["response"], False, False) is correct, line  # type: ignore[arg-type]


ENDINGS = [
    *(
        "#### {}",
        "#### {} ####",
        "A: {}",
        "**A:** {}",
        "Answer: {}",
        "**Answer:** **{}**",
        "*Answer:* *{}*",
        "__Answer:__ {}",
    ),
    *(
        "The answer is {}.",
        "The answer is **{}**.",
        "The answer is `{}`.",
        "**The answer is:** **{}**",
        "### Answer: {}",
    ),
    *(
        "**Final Answer**\n{}",
        "Answer\uff1a{}",
        "answer = {}",
        "<answer>{}</answer>",
        "The answer is ${}$.",
        r"\boxed{{{}}}",
    ),
    *(
        "THE ANSWER IS {}",
        "The answer is\n\\[\n{}\n\\]",
        "Final answer: {}",
        r"\boxed{{\boxed{{{}}}}}",
        "The answer is therefore {}.",
    ),
]
REMARKS = [
    *(
        "",
        "\nI am sure this answer is right.",
        " So that answer is final.",
        "\n#### Explanation",
        "\n#### Step 2: check 3",
    ),
    *("\nThe answer is correct.", "\nThis answer is consistent with the 18 eggs.", "\n## Notes", "\nThe answer is "),
]


@given(st.fractions(), st.sampled_from(ENDINGS), st.sampled_from(REMARKS))
def test_the_last_mark_that_has_an_answer_counts(value: object, ending: str, remark: str) -> None:
    text = canonical(value)  # type: ignore[arg-type]
    response = "First \\boxed{77777}.\n" + ending.format(text)
    if ending[0] in "#A" and "####" in ending and not remark.startswith("\n"):
        return  # the rest of the line belongs to the answer
    if not remark.startswith(("\n", " So")) or (remark.startswith(" So") and "boxed" not in ending):
        remark = ""
    answer = final_answer(response + remark)
    assert len(text) > 150 or (answer is not None and rational(answer) == value), (response + remark, answer)


@given(st.integers(0, 10**6), st.sampled_from([unit.partition(" ")[2][2:] for _, unit in SCALED if unit[5:7] == "60"]))
def test_a_scale_word_applies_to_any_number(value: int, scale: str) -> None:
    assert scale == "" or rational(f"{value}{scale}") != value or scale in (".5", "/2")


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


@pytest.mark.parametrize(
    ("response", "value"),
    [
        *[("It is 12.5cm", "12.5"), ("2.5x", None), ("1,000m", None), ("1." + "1" * 60, "1." + "1" * 60)],
        *[("18 million", None), ("It takes 3 1/2 hours.", "3.5"), ("9+9=18", "18"), ("18 / 2", None), ("2*9", None)],
        *[("$10^{3}$", None), ("minus 18", None), ("f(3)", None), ("1 250", None), ("18%", "18"), ("3:30", None)],
        *[("18 eggs in the basket", "18"), ("Total:18", "18"), ("(18)", "18"), (r"$\frac{3}{4}$.", "0.75")],
    ],
)
def test_the_last_number_is_read_whole(response: str, value: str | None) -> None:
    answer = final_answer(response, last_number=True)
    number = None if answer is None else rational(answer)
    assert number == (None if value is None else rational(value))


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 60))
def test_a_last_number_is_never_cut_short(whole: int, part: int, digits: int) -> None:
    written = f"{whole:,}.{part:0{digits}d}"
    for attached in ("cm", "x", "m", "k", "%", "e5"):
        answer = final_answer(f"It is {written}{attached}", last_number=True)
        assert answer is None or rational(answer) in (None, rational(written))
