"""The final answer of a response."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.grading.answers import LONGEST, boxes, final_answer, without_annotations


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("He has 3.\n#### 72", "72"),
        ("####72", "72"),
        ("#### 72 apples\nThat is all.", "72 apples"),
        ("A: 18", "18"),
        ("so 18\n**A:** 18", "18"),
        ("The answer is 18.", "18"),
        ("The answer is 18.5. Because 18 + 0.5 is that.", "18.5"),
        ("the final answer is: $\\boxed{\\frac{1}{2}}$. I hope it is correct.", r"\frac{1}{2}"),
        ("**Final Answer:**\n18", "18"),
        ("Answer: 18 dollars", "18 dollars"),
        (r"so \boxed{x^{2}+\{1\}} holds", r"x^{2}+\{1\}"),
        (r"\fbox{7}", "7"),
        (r"\boxed {7}", "7"),
        (r"\boxed{1} then \boxed{2}", "2"),  # the last mark counts
        ("#### 1\nThe answer is 2", "2"),
        ("The answer is 2\n#### 1", "1"),
        ("#### <<3*4=12>>12", "12"),
        # no answer
        ("", None),
        ("18", None),
        ("It is 18.", None),
        ("####", None),
        ("#### \n18", None),  # not on its line
        ("The answer is", None),
        (r"\boxed{}", None),
        (r"\boxed{ }", None),
        (r"\boxed{1", None),
        (r"\boxed{1} and \boxed{2", None),  # the last answer cannot be read, so there is none
        ("NASA: 18", None),
        ("Their answers: 18", None),
        ("#### " + "9" * (LONGEST + 1), None),
    ],
)
def test_the_answer_after_the_last_mark(response: str, answer: str | None) -> None:
    assert final_answer(response) == answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("He has 3 and 18.", "18"),
        ("That is $1,250.50 in all", "$1,250.50"),
        ("-7", "-7"),
        ("none", None),
        ("18 #### ", None),  # a mark without an answer is not passed over
        ("#### 4 of 18", "4 of 18"),
    ],
)
def test_the_last_number_only_if_the_option_is_set(response: str, answer: str | None) -> None:
    assert final_answer(response, last_number=True) == answer


def test_boxes_in_order() -> None:
    assert boxes(r"\boxed{1} \boxed{\frac{1}{2}} \boxed{} \boxed{3") == ["1", r"\frac{1}{2}", ""]


def test_annotations_are_removed() -> None:
    assert without_annotations("48/2 = <<48/2=24>>24 and 1 << 2") == "48/2 = 24 and 1 << 2"


@settings(max_examples=300)
@given(
    st.text()
    | st.lists(st.sampled_from(["#### ", r"\boxed{", "}", "A:", "The answer is ", "1", "\n", "<<"])).map("".join)
)
def test_any_text_has_an_answer_or_none(text: str) -> None:
    answer = final_answer(text)
    assert answer is None or (0 < len(answer) <= LONGEST and answer == answer.strip())
    assert final_answer(text + "\n#### 5") == "5"
    assert final_answer(text + r" \boxed{5}") == "5"
