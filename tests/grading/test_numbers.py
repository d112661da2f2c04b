"""Text to exact rationals and back."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synth_scaling.grading.numbers import LONGEST, canonical, rational


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("72", 72),
        ("-3", -3),
        ("\u22123", -3),
        ("+3", 3),
        ("007", 7),
        ("1,250", 1250),
        ("1,234,567.50", Fraction(2469135, 2)),
        ("18.0", 18),
        ("18.", 18),
        (".5", Fraction(1, 2)),
        ("$18", 18),
        (r"\$18", 18),
        ("-$18", -18),
        ("$-18", -18),
        ("€ 18", 18),
        ("75%", 75),
        (r"75\%", 75),
        ("75 percent", 75),
        ("18 eggs", 18),
        ("18 dollars per day.", 18),
        ("2-liter bottles", 2),
        ("5 m^2", 5),
        ("5 m²", 5),
        ("45°", 45),
        ("25¢", 25),
        ("3/4", Fraction(3, 4)),
        ("6 / 8", Fraction(3, 4)),
        ("3 1/2 hours", Fraction(7, 2)),
        (r"\frac{3}{4}", Fraction(3, 4)),
        (r"\dfrac34", Fraction(3, 4)),
        (r"3\frac{1}{2}", Fraction(7, 2)),
        (r"-\frac{1}{2}", Fraction(-1, 2)),
        (r"$18$", 18),
        (r"\(18\)", 18),
        ("**18**", 18),
        ("** 18", 18),
        (r"18\text{ cm}", 18),
        (r"1{,}000", 1000),
        ("0.1", Fraction(1, 10)),  # exact, not a float
    ],
)
def test_numbers_by_hand(text: str, value: Fraction | int) -> None:
    assert rational(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "-",
            ".",
            ",",
            "$",
            "%",
            "/",
            "1/0",
            "0/0",
            "1/",
            "/2",
            "eighteen",
            "x = 18",
            "18 = 18",
            "2*9",
            "9+9",
        ),
        *(
            "2^3",
            "9**9**9**9",
            "18 or 19",
            "18, 19",
            "18 19",
            "18 to 19",
            "18 and a half",
            "5 million",
            "3 dozen",
            "2k",
        ),
        *(
            "1,00",
            "1,0000",
            "12,34",
            "1.2.3",
            "1e3",
            "0x10",
            "--3",
            "+-3",
            "3 1.5/2",
            "nan",
            "inf",
            "not 18",
            "about 18",
        ),
        *(
            "18 (or 19)",
            "5!",
            "18 != 19",
            "1_000",
            "\u0661\u0668",
            "\uff11\uff18",
            "18\x00",
            "__import__('os')",
            "9" * (LONGEST + 1),
        ),
    ],
)
def test_texts_that_are_not_exactly_one_number(text: str) -> None:
    assert rational(text) is None


@given(st.fractions(), st.sampled_from(["{}", "${}$", "{} apples", " {} ", "{}.", "**{}**", r"\text{{ }}{}"]))
def test_a_canonical_number_is_read_back(value: Fraction, written: str) -> None:
    text = canonical(value)
    assert len(text) > LONGEST - 20 or rational(written.format(text)) == value


@given(st.integers(), st.integers(0, 3))
def test_commas_and_zeros_change_nothing(value: int, zeros: int) -> None:
    text = f"{value:,}" + ("." + "0" * zeros if zeros else "")
    assert rational(text) == value or len(text) > LONGEST
    assert rational(str(value)) != value + 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(72), "72"), (Fraction(25, 2), "12.5"), (Fraction(-1, 8), "-0.125"), (Fraction(1, 3), "1/3")],
)
def test_canonical_by_hand(value: Fraction, text: str) -> None:
    assert canonical(value) == text


@given(st.text())
@example("1" * LONGEST)
@example("\ud800")
def test_any_text_is_a_number_or_not(text: str) -> None:
    assert rational(text) is None or isinstance(rational(text), Fraction)
