"""More members of the kinds that field reports broke: currencies, marks, last numbers, sets, ratios."""

# ruff: noqa: RUF001 (signs that look like letters are the subject)
from __future__ import annotations

import pytest

from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.numbers import rational
from synth_scaling.grading.rewards import in_worker

OTHER_NUMBERS = (
    *("Rs 60 L", "₹60 L", "₹60 l", "$60 mm", "60 mm$", "60 mm USD", "60 L INR", "60 l rupees", "€60 mm", "60 g €"),
    *("60 Mill.", "60 Mrd.", "60 Tausend", "60 millones", "60 bln", "60 trn", "60 Cr.", "60\u200bmillion", "`60`k"),
    *("**60** million", "$60$ thousand", r"60\text{,000}", "60 ‱", "60 bps", "60 ppm", "60 eggs × 2", "60 eggs + 1"),
    *("60 ft 3 in", "60 h 30 min", "60 dollars and 50 cents", "60 ten-dollar bills", "60 in millions", "60 $ million"),
)
SAME_NUMBER = (
    *(
        "60 ₽",
        "₩60",
        "60 CHF",
        "CAD 60",
        "60 cm",
        "60 mm",
        "60 L",
        "$60 per kg",
        "$60/h",
        "$60 a day",
        "60 dollars each",
    ),
    *("60\u200b", "\ufeff60", "60％", "$60\\$$", "'60'", "“60”", "«60»", "$60", "120∕2"),
)


@pytest.mark.parametrize("answer", OTHER_NUMBERS)
def test_another_number_is_incorrect(answer: str) -> None:
    assert not in_worker("number", "60", f"#### {answer}", False, False)


@pytest.mark.parametrize("answer", SAME_NUMBER)
def test_the_same_number_is_correct(answer: str) -> None:
    assert in_worker("number", "60", f"#### {answer}", False, False)


@pytest.mark.parametrize(("gold", "answer"), [("-3", "–3°C"), ("1250", r"1\!250"), ("1250", r"1\text{,}250")])
def test_other_ways_to_write_a_number(gold: str, answer: str) -> None:
    assert in_worker("number", gold, f"#### {answer}", False, False)


@pytest.mark.parametrize(
    "response",
    [
        *("Answer:\n```\n18\n```", "The answer is '18'.", "The answer is “18”.", "Answer => 18", "Answer -> 18"),
        *("The answer to the question is 18.", "Answer: 18 ✓", "Answer: ✅ 18", "**Answer: 18** 🎉", "Answer: 18 ✔️"),
        *("<Answer>18</Answer>", "<ANSWER> **18** </ANSWER>", r"\framebox{18}", "The answer comes to 18."),
        *("The answer becomes 18", "The answer works out to be 18.", "#### 18\n#### Would you like another one?"),
        *("#### 18\nAnswer: ✓", "The answer is 18, as 9 + 9 = 18.", "The answer is $18$, which is final."),
    ],
)
def test_marks(response: str) -> None:
    for kind in ("number", "latex"):
        assert in_worker(kind, "18", response, False, False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "response",
    ["Answer: ❌ 18", "Answer: 18 💯", "#### 18\nThe answer is not 18.", "The answer to the question is 19.", "A: 1 8"],
)
def test_no_mark_makes_another_answer_correct(response: str) -> None:
    assert not in_worker("number", "18", response, False, False)


@pytest.mark.parametrize(
    ("response", "value"),
    [
        *[("**18**", "18"), ("so **18** eggs", "18"), (r"\(18\)", "18"), (r"so \(x = 18\).", "18"), ("`18`", "18")],
        *[(r"18 \text{ million}", None), ("18 (million)", None), ("18 in thousands", None), ("18 Mio", None)],
        *[("3 ½", None), (r"5 \pi", None), (r"\sqrt 5", None), (r"2\cdot 5", None), (r"2 \cdot 5", None)],
        *[("12 x 5", None), ("twice 5", None), ("half of 5", None), ("log 5", None), ("3 : 1", None), ("not 18", None)],
        *[("18 a dozen", None), ("18 degrees below zero", None), ("18% of 5", None), ("18 percent of it", None)],
        *[
            ("5 h 30 min", None),
            ("5 hours and 30 minutes", None),
            ("6 ft 2 in", None),
            ("5 dollars and 50 cents", None),
        ],
        *[("5 cats and 30 dogs", "30"), ("a total of 18", "18"), ("Total: 18", "18"), ("18 for tomorrow", "18")],
    ],
)
def test_last_numbers(response: str, value: str | None) -> None:
    answer = final_answer(response, last_number=True)
    assert (None if answer is None else rational(answer)) == (None if value is None else rational(value))


UNEQUAL = [
    (r"\{x: x>10^{-17}\}", r"\{x: x>10^{-18}\}"),
    (r"\{x \mid x>3\}", r"\{x \mid x>4\}"),
    (r"\{x\in\mathbb{Z}: x>3\}", r"\{x\in\mathbb{Z}: x>4\}"),
    (r"\{x\in\mathbb{Z}: x>3\}", r"(3,\infty)"),
    ("1:2:3", "1:3:2"),
    ("1:2:3", "1:2"),
    (r"\angle ABC", r"\angle ACB"),
    ("f'(x)", "f(x)"),
    ("x'", "x"),
    (r"10^\circ", "10'"),
    (r"x<1\text{ or }x>2", r"x<1\text{ and }x>2"),
    (r"\cos 20^\circ", r"\cos 20"),
    (r"\sin 1^\circ", r"\sin 1"),
    *(
        ("60", answer)
        for answer in (r"\$60\text{ m}", r"60_{\text{eight}}", r"60\ldots", r"x\approx 60", "61=60=60", "x=61=60")
    ),
]
EQUAL = [
    (r"\{x: x>3\}", r"\{x \mid x > 3\}"),
    (r"\{x\in\mathbb{R}: x>3\}", r"\{x : 3 < x\}"),
    ("1:2:3", "2:4:6"),
    (r"\angle ABC", r"\angle CBA"),
    ("f'(x)", "f'(x)"),
    (r"\varnothing", "∅"),
    (r"\emptyset", r"\varnothing"),
    ("10", r"\binom52"),
    (r"30^\circ", "30˚"),
    (r"x\ge 5", "x⩾5"),
    (r"\sqrt{3}", "sqrt 3"),
    (r"\sqrt[3]{2}", "³√2"),
    ("-5", "–5"),
    (r"50\%", "50％"),
    ("3", "⌊3.7⌋"),
    (r"\{1,2\}", r"\lbrace 2,1\rbrace"),
    ("y=2x+3", "y＝2x＋3"),
]


@pytest.mark.parametrize(("gold", "answer"), UNEQUAL)
def test_unequal_latex_is_incorrect(gold: str, answer: str) -> None:
    assert not in_worker("latex", gold, rf"\boxed{{{answer}}}", False, False)


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_latex_is_correct(gold: str, answer: str) -> None:
    assert in_worker("latex", gold, rf"\boxed{{{answer}}}", False, False)
