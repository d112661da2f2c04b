"""Cells of several samples per problem: their variance, and the number of independent responses behind it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.data.cells import Cell


def _cell(counts: np.ndarray, each: int) -> Cell:
    """Counts (S, P) of incorrect ones among `each` samples."""
    return Cell(tuple(range(len(counts))), np.asarray(counts) / each, each)


def test_the_design_effect_of_known_counts():
    # Shares 0, 1/2, 1/2, 1: a single response has variance 1/4, a problem's share 1/8; four alike samples count as two.
    cell = _cell(np.array([[0, 2, 2, 4]]), 4)
    assert (cell.tested, cell.error) == (16, 0.5)
    assert cell.independent == pytest.approx(4 * 2) and cell.incorrect == pytest.approx(4)


def test_alike_samples_count_once_and_independent_ones_fully():
    alike = _cell(np.repeat([[0, 4]], 50, axis=1), 4)
    assert alike.independent == 100
    drawn = _cell(np.random.default_rng(0).binomial(4, 0.3, (3, 20_000)), 4)
    assert drawn.independent == pytest.approx(240_000, rel=0.02)


@given(wrong=arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 30))))
def test_greedy_responses_count_fully(wrong):
    cell = _cell(wrong.astype(int), 1)
    assert (cell.independent, cell.tested, cell.incorrect) == (wrong.size, wrong.size, wrong.sum())
    mean = wrong.mean(axis=0)
    np.testing.assert_array_equal(cell.spread, mean * (1 - mean))


@given(counts=arrays(int, st.tuples(st.integers(1, 5), st.integers(1, 30)), elements=st.integers(0, 4)))
def test_between_the_clusters_and_the_responses(counts):
    cell = _cell(counts, 4)
    assert counts.size <= cell.independent <= 4 * counts.size
    assert cell.incorrect == pytest.approx(cell.error * cell.independent)
    np.testing.assert_allclose(cell.spread, cell.wrong.var(axis=0), atol=1e-12)
