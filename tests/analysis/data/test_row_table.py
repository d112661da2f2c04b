from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.data.row_table import row_table
from tests.support.made_rows import point, results_of, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Errors 40 N_params^-1/4 N^-1/2 of models of four sizes, exact; a row without parameters."""
    place = tmp_path_factory.mktemp("models")
    points = [
        point(
            "sft", n, 40 * parameters**-0.25 * n**-0.5, seeds=1, config={"model": {"width": parameters}},
            facts={"base": {"parameters": parameters}}, pass_at_k={"1": 0.5, "4": 0.75},
        )
        for parameters in (10_000, 40_000, 160_000, 640_000)
        for n in (100, 400, 1600)
    ]  # fmt: skip
    points.append(point("rft", 100, 0.3, seeds=1, figure="other"))
    write(results_of(points, tested=20_000, shared=1.0), place)
    return place


def test_rows_are_columns_with_the_models_size_and_failures(folder):
    table = row_table(folder)
    assert {"parameters", "failure_at_4", "problems", "label", "wrong", "tested"} <= set(table.header)
    sft = table.keep("label", "sft")
    assert sorted(set(sft.numbers("parameters"))) == [10_000, 40_000, 160_000, 640_000]
    assert set(sft.numbers("failure_at_4")) == {0.25}
    assert np.all(sft.numbers("wrong") <= sft.numbers("tested"))
    assert table.drop("label", "sft").text("parameters") == [""]


def test_a_planted_law_of_model_size_and_problems_is_fitted_from_rows(folder, capsys):
    columns = ["--x1", "parameters", "--x2", "problems", "--y-count", "wrong", "--n-test", "tested"]
    words = [str(folder), "--keep", "figure=size", *columns, "--law", "multiplicative", "--draws", "50", "--json"]
    assert main(["fit-joint", *words]) == 0
    (fit,) = json.loads(capsys.readouterr().out)["fits"]
    exponents = [fit["parameters"][name]["estimate"] for name in ("exponent", "negative_exponent")]
    assert exponents == pytest.approx([0.25, 0.5], rel=0.02)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--keep", "label=sft,"], "no row to keep has 'sft,' in label"),
        (["--keep", "label"], "--keep should be COLUMN=VALUE, found 'label'"),
        (["--x1", "parameters"], "parameters should be a number"),
    ],
)
def test_what_rows_lack_is_one_line(folder, capsys, words, message):
    usual = ["--x1", "problems", "--x2", "tested", "--y-count", "wrong", "--n-test", "tested"]
    assert main(["fit-joint", str(folder), *usual, *words]) == 2
    output = capsys.readouterr().err
    assert message in output and output.count("\n") == 1
