"""Marks of final answers that field reports broke, and the reports themselves."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.grading.rewards import in_worker
from tests.support.shared_data import DATA

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
