from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.data.cells import Cell, SizeKey
from analysis.stats.bootstrap import Draws, resample
from analysis.study.differences import difference, gain_share


def _cells(errors: dict[SizeKey, float], problems: int = 2000) -> tuple[dict[SizeKey, Cell], Draws[SizeKey]]:
    """Three seeds that agree; the lower error's problems are among the higher one's."""
    cells = {
        key: Cell((0, 1, 2), np.tile(np.arange(problems) < round(error * problems), (3, 1)))
        for key, error in errors.items()
    }
    return cells, resample(cells, draws=400)


LADDER = {("sft", 100): 0.4, ("step_dpo", 100): 0.2, ("step_sft", 100): 0.25}


def test_shares_of_a_gain_by_hand():
    second = {("sft", 200): 0.3, ("step_dpo", 200): 0.2, ("step_sft", 200): 0.19}
    cells, draws = _cells(LADDER | second | {("sft", 400): 0.1, ("step_dpo", 400): 0.05})
    first, other, pooled = gain_share(cells, draws, "sft", "step_dpo", "step_sft")
    assert (first.size, other.size, pooled.size) == (100, 200, None)
    assert first.own_points == pytest.approx(0.05) and first.share == pytest.approx(0.05 / 0.2)
    assert other.own_points == pytest.approx(-0.01) and other.share == pytest.approx(-0.01 / 0.1)
    # Pooled: means of points, and the share of the sums, not the mean of the shares.
    assert pooled.own_points == pytest.approx(0.02) and pooled.share == pytest.approx(0.04 / 0.3)
    for one in (first, other, pooled):
        assert one.own_low < one.own_points < one.own_high
        assert one.share_low < one.share < one.share_high


def test_unshared_points_are_the_paired_difference_to_the_control():
    cells, draws = _cells(LADDER)
    result = difference(draws, ("step_sft", 100), ("step_dpo", 100))
    first, _ = gain_share(cells, draws, "sft", "step_dpo", "step_sft")
    assert (first.own_points, first.own_low, first.own_high) == (result.difference, result.low, result.high)


def test_a_gain_that_is_not_resolved_has_no_share():
    cells, draws = _cells(LADDER | {("step_dpo", 100): 0.4})
    first, pooled = gain_share(cells, draws, "sft", "step_dpo", "step_sft")
    assert first.share is first.share_low is first.share_high is None
    assert pooled.share is None and first.own_points == pytest.approx(-0.15)


def test_the_interval_of_a_share_holds_the_planted_one():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(60):
        hard = rng.uniform(size=(4, 1000))  # a seed's problems are the same for all three labels
        cells = {
            key: Cell((0, 1, 2, 3), hard + rng.normal(0, 0.05, (4, 1000)) < error) for key, error in LADDER.items()
        }
        first, _ = gain_share(cells, resample(cells, draws=400), "sft", "step_dpo", "step_sft")
        hits += first.share_low <= 0.25 <= first.share_high
    assert hits >= 54  # 57 expected, 3 standard deviations of chance and more


@settings(max_examples=20)
@given(control=st.floats(0.05, 0.6))
def test_control_and_method_divide_the_gain(control):
    """The method's subset share and the control's share of the same gain are the whole of it."""
    cells, draws = _cells(LADDER | {("step_sft", 100): control})
    subset, _ = gain_share(cells, draws, "sft", "step_dpo", "step_sft")
    gain = difference(draws, ("sft", 100), ("step_dpo", 100)).difference
    of_control = difference(draws, ("sft", 100), ("step_sft", 100)).difference
    assert subset.share + of_control / gain == pytest.approx(1)
    assert subset.share_low <= subset.share <= subset.share_high


def test_no_shared_size_and_no_such_label():
    cells, draws = _cells({("sft", 100): 0.4, ("step_dpo", 200): 0.2, ("step_sft", 100): 0.3})
    assert gain_share(cells, draws, "sft", "step_dpo", "step_sft") == []
    with pytest.raises(ValueError, match="no runs with label 'dpo'"):
        gain_share(cells, draws, "sft", "dpo", "step_sft")
