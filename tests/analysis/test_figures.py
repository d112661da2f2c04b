from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from analysis.figures import FIGURES, POINTS, draw_all
from analysis.figures.style import METHODS, looks
from analysis.rows import load


def test_every_figure_is_the_same_bytes_when_drawn_again(simulated, tmp_path):
    results = load(simulated)
    for folder in ("once", "again"):
        lines = list(draw_all(results, tmp_path / folder))
        assert len(lines) == len(FIGURES) and not any("skipped" in line for line in lines)
    names = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg", "csv")}
    assert {path.name for path in (tmp_path / "once").iterdir()} == names
    for name in names:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_figure_without_runs_is_skipped_with_one_line(tmp_path, write_run):
    for seed, size in [(0, 100), (0, 200)]:
        write_run(tmp_path, 0.3, seed=seed, problems=size)
    drawn, skipped = draw_all(load(tmp_path), tmp_path / "figures")
    assert drawn.startswith("error_against_n:") and (tmp_path / "figures" / "error_against_n.png").is_file()
    assert skipped.startswith("error_against_positives: skipped, no rows") and "\n" not in skipped
    assert not (tmp_path / "figures" / "error_against_positives.csv").exists()


def test_the_sizes_run_are_the_ticks(simulated):
    figure = FIGURES["error_against_n"](load(simulated))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["100", "200", "400", "800", "1600"]
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_a_curve_that_cannot_be_fitted_is_still_drawn(tmp_path, write_run):
    write_run(tmp_path, 0.3, problems=100)
    write_run(tmp_path, 0.0, problems=100, method="rft")
    figure = FIGURES["error_against_n"](load(tmp_path))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["sft", "rft"]


def test_points_are_the_pooled_errors(simulated):
    results = load(simulated)
    table = POINTS["error_against_n"](results).set_index(["label", "size"])
    rows = results.rows[results.rows["figure"] == "size"].groupby(["label", "problems"])
    np.testing.assert_allclose(table["error"], rows["wrong"].sum() / rows["tested"].sum())
    assert (table["low"] < table["error"]).all() and (table["error"] < table["high"]).all()


def test_the_scan_takes_in_the_size_rows_that_fit(simulated):
    table = POINTS["error_against_positives"](load(simulated))
    # k = 0 is SFT and k = 4 is RFT of the size sweep, at the scan's two sizes only.
    assert sorted(set(table["size"])) == [200, 800]
    assert table.loc[table["size"] == 200, "positives"].tolist() == [0, 1, 2, 4, 8, 16]
    assert (table["seeds"] == 3).all()
    used = table.set_index(["size", "positives"])["positives_used"]
    assert used[800, 16] == pytest.approx(0.8 * 16)


def test_the_scan_leaves_out_other_rollouts_and_points_it_ran_itself(tmp_path, write_run):
    at = {"method": "rft", "problems": 200}
    ran = write_run(tmp_path, 0.2, figure="positives", positives=4, **at)
    write_run(tmp_path, 0.6, positives=4, **at)
    write_run(tmp_path, 0.6, positives=8, rollouts=64, **at)
    write_run(tmp_path, 0.6, label="rft, other", positives=2, **at)
    table = POINTS["error_against_positives"](load(tmp_path))
    assert table["positives"].tolist() == [4] and table["error"].tolist() == [ran["error"]]


def test_a_label_has_one_look_and_a_variant_keeps_its_methods_colour():
    pairs = [("step_dpo, no NLL", "step_dpo"), ("new", "new"), ("step_dpo", "step_dpo"), ("sft", "sft")]
    found = looks(pd.DataFrame(pairs, columns=["label", "method"]))
    assert list(found) == ["sft", "step_dpo", "step_dpo, no NLL", "new"]
    assert found["step_dpo"].colour == found["step_dpo, no NLL"].colour == METHODS["step_dpo"][0]
    assert found["step_dpo"].filled and not found["step_dpo, no NLL"].filled
    assert len(set(METHODS.values())) == len({colour for colour, _ in METHODS.values()}) == len(METHODS)


def test_the_analysis_needs_neither_the_pipeline_nor_a_display():
    code = (
        "import sys, analysis.__main__, analysis.figures, analysis.report; "
        "heavy = {'synth_scaling', 'torch', 'hydra', 'matplotlib', 'transformers'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
