"""Figures of studies with a few rows: what is skipped, and which rows a figure takes."""

from __future__ import annotations

import pytest

from analysis.data.results import load
from analysis.figures import FIGURES, draw_all
from analysis.figures.inputs import figure_inputs
from analysis.study.studies import Studies

SCANS = {
    "teacher_against_self",
    "error_against_positives",
    "positives_and_negatives",
    "pairing",
    "ablations",
    "filtering",
}
OF_SWEEP = {
    "price_list": "prices",
    "worlds": "collect_ablations",
    "star_graph": "star_graph",
    "error_against_rounds": "prices_rounds",
    "error_against_sampling_flops": "prices_rounds",
}


def test_figures_without_runs_are_skipped_with_a_line_that_names_their_sweep(tmp_path, write_run):
    write_run(tmp_path, 0.4, problems=100)
    write_run(tmp_path, 0.3, problems=200)
    drawn, *skipped = draw_all(figure_inputs(Studies(load(tmp_path))), tmp_path / "figures")
    assert drawn.startswith("error_against_n:") and (tmp_path / "figures" / "error_against_n.png").is_file()
    assert [line.split(":")[0] for line in skipped] == list(FIGURES)[1:]
    for line in skipped:
        assert ": skipped, " in line and "\n" not in line
        name, sweep = line.split(":")[0], line.rsplit(": run ", 1)[1]
        file = OF_SWEEP.get(name) or ("maze_ablations" if name in SCANS else "maze_full")
        assert sweep == f"sweeps/{file}.yaml"
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"error_against_n"}


def test_arrows_end_on_the_line_of_a_baseline_that_has_a_floor(tmp_path, write_run):
    for size in (100, 200, 400, 800, 1600, 3200):
        for label, amplitude in (("sft", 40.0), ("rft", 25.0), ("dpo", 60.0)):
            write_run(tmp_path, 0.15 + amplitude / size**0.9 / 2, tested=4000, problems=size, method=label)
    drawn_from = figure_inputs(Studies(load(tmp_path)))
    figure = FIGURES["error_against_n"](drawn_from).figure
    (legend,), panels = figure.legends, figure.axes
    texts = [*(axes.get_title("left") for axes in panels), legend.get_texts()[0].get_text()]
    assert ["E = " in text for text in texts] == [True] * 3 and "the law's floor" in figure.get_supxlabel()
    arrows = [text for axes in panels for text in axes.texts if not text.get_text()]
    law = drawn_from.study.curves["sft"].baseline_law.law
    assert arrows
    for arrow in arrows:
        assert 100 * law.predict(arrow.xy[0]) == pytest.approx(arrow.xy[1])


def test_a_curve_that_cannot_be_fitted_is_still_drawn(tmp_path, write_run):
    write_run(tmp_path, 0.3, problems=100)
    write_run(tmp_path, 0.0, problems=100, method="rft")
    drawing = FIGURES["error_against_n"](figure_inputs(Studies(load(tmp_path))))
    assert [text.get_text() for text in drawing.figure.legends[0].get_texts()] == ["SFT, in every panel"]
    (axes,) = drawing.figure.axes
    assert axes.get_title("left") == "RFT"
    assert not axes.texts and not axes.collections[2:]  # no arrows, no bands


def test_the_scan_includes_the_size_rows_that_fit(simulated):
    table = FIGURES["error_against_positives"](figure_inputs(Studies(load(simulated)))).points
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
    table = FIGURES["error_against_positives"](figure_inputs(Studies(load(tmp_path)))).points
    assert table["positives"].tolist() == [4] and table["error"].tolist() == [ran["error"]]
