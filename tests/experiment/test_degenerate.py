"""Warnings on policies that have learned nothing, or whose responses do not fit."""

from __future__ import annotations

import pytest

from synth_scaling.core.records import Response
from synth_scaling.experiment.degenerate import degenerate, unfinished


@pytest.mark.parametrize(
    ("correct", "incorrect", "cut", "lines"),
    [
        (1, 9, 0, []),
        (0, 10, 0, ["all 10 responses are incorrect"]),
        (5, 0, 5, []),
        (4, 0, 6, ["6 of 10 responses were cut at the length limit"]),
        (0, 4, 6, ["all 10 responses are incorrect", "6 of 10 responses were cut at the length limit"]),
        (0, 0, 0, []),
    ],
)
def test_no_correct_response_and_more_than_half_cut_are_a_line_each(
    correct: int, incorrect: int, cut: int, lines: list[str]
) -> None:
    rewards = [(1, True)] * correct + [(0, True)] * incorrect + [(0, False)] * cut
    responses = [Response("p", i, (1,), finished, reward) for i, (reward, finished) in enumerate(rewards)]
    assert list(degenerate(responses)) == lines and unfinished(responses) == cut
