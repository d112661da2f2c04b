"""Numbers of kinds that field reports broke: scales, units and ways to write them, with the grade of each."""

# ruff: noqa: RUF001 (signs that look like letters are the subject)
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.numbers import rational
from synth_scaling.grading.rewards import in_worker

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


@pytest.mark.parametrize(("gold", "response"), [*SCALED, *OTHER_NUMBERS])
def test_another_number_is_incorrect(gold: str, response: str) -> None:
    assert not in_worker("number", gold, response, False, False)


@pytest.mark.parametrize(("gold", "response"), [*WITH_UNITS, *WRITTEN])
def test_a_number_in_another_form_is_correct(gold: str, response: str) -> None:
    assert in_worker("number", gold, response, False, False)


@given(st.integers(0, 10**6), st.sampled_from([unit.partition(" ")[2][2:] for _, unit in SCALED if unit[5:7] == "60"]))
def test_a_scale_word_applies_to_any_number(value: int, scale: str) -> None:
    assert scale == "" or rational(f"{value}{scale}") != value or scale in (".5", "/2")


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
