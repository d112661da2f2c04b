"""Thousands of fuzzed and hostile responses: no crash, and nothing right that is not."""

from __future__ import annotations

import pytest

from synth_scaling.grading.rewards import grade
from tests.support.hostile import HEAVY, light, whole

GOLD = {"number": "18", "latex": r"\frac{18}{35}"}


@pytest.mark.parametrize("kind", ["number", "latex"])
def test_hostile_responses(kind: str) -> None:
    texts = [*light(3_990), *HEAVY]
    texts += [f"{text}\n#### 18 \\boxed{{{GOLD[kind]}}}" for text in whole()[:7]]  # right all the same: a last mark
    grades = grade(kind, [(GOLD[kind], text) for text in texts], bound=3.0)  # type: ignore[arg-type]
    assert len(grades.rewards) == len(texts) == 4_000
    assert sum(grades.rewards[:3_993]) == 0 and all(grades.rewards[3_993:])
    assert kind == "latex" or grades.over_bound == 0


def test_hostile_responses_by_their_last_number() -> None:
    texts = light(2_000, seed=1)
    grades = grade("number", [("18.25", text) for text in texts], last_number=True)
    assert len(grades.rewards) == 2_000 and not any(grades.rewards) and grades.over_bound == 0
