"""Errors relative to a reference, from rows of known errors and FLOPs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from analysis.figures.inputs import figure_inputs
from analysis.figures.price_list import draw
from analysis.study.relative_errors import RelativeError, relative_errors
from analysis.study.studies import Studies
from analysis.study.study import Study
from tests.support.made_rows import point, results_of

SIZES = (100, 200, 400, 800, 1600)
COST = 1e9  # FLOPs of sft per problem


def sft(size: float) -> float:
    return 4.0 * size**-0.5


def study(*points: dict, baseline: Sequence[int] = SIZES) -> Study:
    base = [point("sft", n, sft(n), flops_training=COST * n, flops_sampling=0.0) for n in baseline]
    return Study(results_of([*base, *points], shared=1.0), n_draws=200)


def spent(label: str, rate: float, flops: float, size: int = 200) -> dict:
    return point(label, size, rate, flops_training=flops / 2, flops_sampling=flops / 2)


def of(lines: list[RelativeError]) -> dict[tuple[str, str, str], RelativeError]:
    return {(line.label, line.reference, line.equal): line for line in lines}


def test_ratios_at_equal_data_and_at_equal_flops() -> None:
    """Half the error of sft at 200; sft has it at 800 problems, for the FLOPs of 400 it has more."""
    lines = of(relative_errors(study(spent("rft", sft(800), COST * 400)), ("sft", "rft"), 200))
    assert lines["rft", "sft", "data"].ratio == pytest.approx(0.5, rel=0.01)
    assert lines["rft", "sft", "FLOPs"].ratio == pytest.approx(sft(800) / sft(400), rel=0.02)
    assert lines["sft", "rft", "data"].ratio == pytest.approx(2, rel=0.01)
    assert {key[2] for key in lines if key[1] == "rft"} == {"data"}  # one run of rft is no law
    for line in lines.values():
        assert line.low <= line.ratio <= line.high and line.size == 200


def test_no_ratio_at_flops_that_the_reference_never_spent() -> None:
    both = study(spent("dear", 0.1, 2 * COST * SIZES[-1]), spent("cheap", 0.3, COST * SIZES[0] / 2))
    lines = of(relative_errors(both, ("sft",), 200))
    assert lines.keys() == {("dear", "sft", "data"), ("cheap", "sft", "data")}


def test_a_reference_that_was_not_run_there_and_rows_without_flops_have_no_ratio() -> None:
    lines = relative_errors(study(point("rft", 200, 0.1)), ("dpo", "sft"), 200)
    assert [(line.label, line.reference, line.equal) for line in lines] == [("rft", "sft", "data")]


def test_the_price_list_has_the_lowest_ratio_first() -> None:
    results = study(
        spent("rft", 0.2, COST * 300), spent("step_dpo", 0.1, COST * 700), spent("dpo", 0.3, COST * 300)
    ).results
    drawing = draw(figure_inputs(Studies(results, 100)))
    table = drawing.points
    assert list(pd.unique(table["label"])) == ["step_dpo", "rft", "dpo"]
    assert set(table["reference"]) == {"sft", "rft"} and set(table["equal"]) == {"data", "FLOPs"}
    names = [text.get_text() for text in drawing.figure.axes[0].get_yticklabels()]
    assert names == ["per-step DPO", "RFT", "DPO"]
