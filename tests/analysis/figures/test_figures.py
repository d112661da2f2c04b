from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.data.results import Results, load
from analysis.errors import InputError
from analysis.figures import FIGURES, draw_all
from analysis.figures.drawing import Drawing, MissingRunsError
from analysis.figures.inputs import FigureInputs, figure_inputs
from analysis.figures.style import METHODS, display_name, look_of, looks
from analysis.study.studies import Studies
from benchmarks.synthetic_study import FILTERS, FIXED, KAPPA, PAIRINGS, WORTH, write_study
from synth_scaling.methods import METHODS as REGISTRY

BUILT_IN = REGISTRY.built_in
SEEDS, PROBLEMS, SIZES = 3, 300, (100, 200, 400, 800)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Rows of every figure, of two tasks, from known laws."""
    folder = tmp_path_factory.mktemp("study")
    write_study(folder, SEEDS, PROBLEMS, SIZES)
    return load(folder)


@pytest.fixture(scope="module")
def drawn(study: Results) -> dict[str, Drawing]:
    shared = figure_inputs(Studies(study))
    return {name: draw(shared) for name, draw in FIGURES.items()}


def figure_rows(results: Results, figure: str) -> pd.DataFrame:
    return results.rows[results.rows["figure"] == figure]


def test_every_figure_is_the_same_bytes_when_drawn_again(study, tmp_path):
    for folder in ("once", "again"):
        lines = list(draw_all(figure_inputs(Studies(study)), tmp_path / folder))
        assert len(lines) == len(FIGURES) and not any("skipped" in line for line in lines)
    names = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg", "csv")}
    assert {path.name for path in (tmp_path / "once").iterdir()} == names
    for name in names:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


@pytest.fixture(scope="module")
def sampled(study: Results) -> FigureInputs:
    return figure_inputs(Studies(study.measured_by("sampled"), 100))


@pytest.mark.parametrize("name", FIGURES)
def test_figures_by_sampled_error_have_room_for_their_axes(sampled, name):
    drawing = FIGURES[name](sampled)
    _assert_readable(drawing)
    names = [name for axes in drawing.figure.axes for name in (axes.get_xlabel(), axes.get_ylabel())]
    if name not in ("step_values", "error_against_temperature", "coverage"):
        assert "one sample at T = 1" in " ".join([drawing.caption, *names])


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_cut_off_and_no_two_overlap(drawn, name):
    _assert_readable(drawn[name])


def _assert_readable(drawing: Drawing) -> None:
    figure = drawing.figure
    figure.canvas.draw()
    whole = figure.bbox.padded(0.5)
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        ticks = [label for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]
        lower, upper = sorted(axes.get_xlim()), sorted(axes.get_ylim())
        inside = [label for label in ticks if lower[0] <= label.get_position()[0] <= lower[1]]
        inside = [label for label in inside if upper[0] <= label.get_position()[1] <= upper[1]]
        texts += [*inside, axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title]
    boxes = {text: text.get_window_extent() for text in texts if text.get_visible() and text.get_text()}
    for text, box in boxes.items():
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1, text.get_text()
        assert whole.y0 <= box.y0 and box.y1 <= whole.y1, text.get_text()
    for (one, box), (other, other_box) in combinations(boxes.items(), 2):
        assert not box.padded(-0.5).overlaps(other_box.padded(-0.5)), (one.get_text(), other.get_text())


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_one_column_wide_and_names_its_axes(drawn, name):
    drawing = drawn[name]
    assert drawing.figure.get_figwidth() == pytest.approx(4.6)
    assert all(axes.get_xlabel() or axes.get_ylabel() for axes in drawing.figure.axes)
    assert len(drawing.points) and drawing.caption.endswith(".")
    assert drawing.csv().splitlines()[0] == ",".join(drawing.points.columns)


SCANS = {
    "teacher_against_self",
    "error_against_positives",
    "positives_and_negatives",
    "pairing",
    "ablations",
    "filtering",
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
        file = "star_graph" if name == "star_graph" else "maze_ablations" if name in SCANS else "maze_full"
        assert sweep == f"sweeps/{file}.yaml"
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"error_against_n"}


# -- which rows ----------------------------------------------------------------------------------------------------


def test_the_task_with_most_rows_is_shown_unless_another_is_chosen(study):
    assert set(figure_inputs(Studies(study)).results.rows["task"]) == {"maze"}
    star = figure_inputs(Studies(study), "star_graph")
    assert set(star.results.rows["task"]) == {"star_graph"}
    assert star.star_graph is not None and figure_inputs(Studies(study)).star_graph is not None
    alone = figure_inputs(Studies(study.select(task="star_graph")))
    assert set(alone.results.rows["task"]) == {"star_graph"}
    with pytest.raises(InputError, match="no rows of task 'chain'; there are: maze, star_graph"):
        figure_inputs(Studies(study), "chain")


def test_the_maze_figures_do_not_depend_on_the_star_graph_rows(study, drawn):
    maze = figure_inputs(Studies(study.select(task="maze")))
    pd.testing.assert_frame_equal(FIGURES["error_against_n"](maze).points, drawn["error_against_n"].points)
    with pytest.raises(MissingRunsError, match=r"no rows of task star_graph: run sweeps/star_graph\.yaml"):
        FIGURES["star_graph"](maze)


# -- each figure ---------------------------------------------------------------------------------------------------


def test_points_are_the_pooled_errors(study, drawn):
    table = drawn["error_against_n"].points.set_index(["label", "size"])
    rows = figure_rows(study.select(task="maze"), "size").groupby(["label", "problems"])
    np.testing.assert_allclose(table["error"], rows["wrong"].sum() / rows["tested"].sum())
    assert (table["low"] < table["error"]).all() and (table["error"] < table["high"]).all()
    assert (table["method"] == [WORTH[label][0] for label, _ in table.index]).all()


def test_the_sizes_run_are_the_ticks(drawn):
    (axes,) = drawn["error_against_n"].figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == [str(size) for size in SIZES]
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_arrows_show_the_multipliers_of_two_methods(study, drawn):
    (axes,) = drawn["error_against_n"].figure.axes
    result = {
        m.value
        for m in figure_inputs(Studies(study)).study.multipliers
        if m.label in ("rft", "step_dpo") and m.bound == "exact"
    }
    texts = [text.get_text() for text in axes.texts if text.get_text()]
    assert len(texts) == 2 and set(texts) <= {f"{value:.1f}x" for value in result}
    arrows = [text for text in axes.texts if not text.get_text()]
    for arrow in arrows:
        assert arrow.xy[1] == arrow.xyann[1] and arrow.xy[0] > arrow.xyann[0]  # level, and to the right


def test_arrows_end_on_the_line_of_a_baseline_that_has_a_floor(tmp_path, write_run):
    for size in (100, 200, 400, 800, 1600, 3200):
        for label, amplitude in (("sft", 40.0), ("rft", 25.0), ("dpo", 60.0)):
            write_run(tmp_path, 0.15 + amplitude / size**0.9 / 2, tested=4000, problems=size, method=label)
    drawn_from = figure_inputs(Studies(load(tmp_path)))
    figure = FIGURES["error_against_n"](drawn_from).figure
    (legend,), (axes,) = figure.legends, figure.axes
    assert ["E = " in text.get_text() for text in legend.get_texts()] == [True] * 3
    (arrow,) = (text for text in axes.texts if not text.get_text())
    law = drawn_from.study.curves["sft"].baseline_law.law
    assert 100 * law.predict(arrow.xy[0]) == pytest.approx(arrow.xy[1])


def test_a_curve_that_cannot_be_fitted_is_still_drawn(tmp_path, write_run):
    write_run(tmp_path, 0.3, problems=100)
    write_run(tmp_path, 0.0, problems=100, method="rft")
    drawing = FIGURES["error_against_n"](figure_inputs(Studies(load(tmp_path))))
    assert [text.get_text() for text in drawing.figure.legends[0].get_texts()] == ["SFT", "RFT"]
    (axes,) = drawing.figure.axes
    assert not axes.texts and not axes.collections[2:]  # no arrows, no bands


def test_teacher_and_self_generated_start_from_the_same_point(study, drawn):
    table = drawn["teacher_against_self"].points.set_index(["source", "responses"])
    assert set(table["size"]) == {FIXED}
    assert list(table.loc["teacher"].index) == [1, 2, 4, 8]
    assert list(table.loc["self"].index) == [1, 2, 3, 5, 9, 17]  # 1 + k, k from the scan and from the size sweep
    assert table.loc[("self", 1), "error"] == table.loc[("teacher", 1), "error"]
    rows = figure_rows(study, "teacher")
    traces = rows["config"].map(lambda config: config["data"]["traces"])
    assert table.loc[("teacher", 4), "error"] == pytest.approx(rows[traces == 4]["error"].mean())


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


def test_the_grid_recovers_the_simulated_exchange_rate(drawn):
    table = drawn["positives_and_negatives"].points
    for method, kappa in KAPPA.items():
        subset = table[table["panel"] == method]
        assert (subset["kappa"].nunique(), len(subset)) == (1, 2 * 5)  # N of the grid times j = 0, 1, 2, 4 and 8
        assert subset["kappa_low"].iloc[0] < kappa < subset["kappa_high"].iloc[0]
        np.testing.assert_array_equal(subset["P"], subset["problems"])
        np.testing.assert_allclose(subset["M"], 0.75 * subset["problems"] * subset["negatives"])
        assert set(subset.loc[subset["M"] == 0, "label"]) == {"sft"}
    axes = drawn["positives_and_negatives"].figure.axes
    for method, panel in zip(sorted(KAPPA), axes, strict=False):
        kappa = table.loc[table["panel"] == method, "kappa"].iloc[0]
        assert f"{kappa:.2f} [" in panel.get_title("left")


def test_pairings_stand_beside_the_size_rows_at_their_size(study, drawn):
    table = drawn["pairing"].points.set_index("label")
    others = {"sft", "dpo", "dpo_edit_distance", "step_dpo", "step_dpo, no NLL"}
    assert set(table.index) == others | set(PAIRINGS) and set(table["size"]) == {FIXED}
    rows = figure_rows(study, "pairing").groupby("label")["error"].mean()
    np.testing.assert_allclose(table.loc[list(rows.index), "error"], rows)
    (axes,) = drawn["pairing"].figure.axes
    assert "SFT" not in [text.get_text() for text in axes.get_yticklabels()]  # it is the line


def test_filters_stand_beside_rft_at_their_size(study, drawn):
    table = drawn["filtering"].points.set_index("label")
    assert set(table.index) == {"sft", "rft", "rft_filtered"} | set(FILTERS) and set(table["size"]) == {FIXED}
    rows = figure_rows(study, "filter").groupby("label")["error"].mean()
    np.testing.assert_allclose(table.loc[list(rows.index), "error"], rows)


def test_step_values_are_means_over_seeds_with_student_intervals(study, drawn):
    table = drawn["step_values"].points
    (size,) = set(table["size"])
    rows = figure_rows(study.select(task="maze"), "size")
    rows = rows[(rows["label"] == "step_dpo") & (rows["problems"] == size)]
    at_minus_1 = [dict((x, q) for x, q, _ in credit["negative_profile"])[-1] for credit in rows["credit"]]
    profile = table[table["panel"] == "profile"].set_index("x")
    low, high = stats.t.interval(0.95, SEEDS - 1, np.mean(at_minus_1), stats.sem(at_minus_1))
    assert profile.loc[-1, "value"] == pytest.approx(np.mean(at_minus_1))
    assert (profile.loc[-1, "low"], profile.loc[-1, "high"]) == pytest.approx((low, high))
    assert (profile.loc[profile.index >= 0, "value"] == 0).all()
    for panel in ("pits", "true pits"):
        assert table.loc[table["panel"] == panel, "value"].sum() == pytest.approx(1)
    spurious = table[table["panel"] == "spurious"].set_index("label")
    assert set(spurious.index) == set(WORTH) and spurious.loc["step_dpo", "high"] < spurious.loc["sft", "low"]


def test_step_values_without_true_pits_and_spurious_steps(study):
    rows = study.rows.drop(columns="spurious_share")
    rows["credit"] = [one and one | {"true_pits": []} for one in rows["credit"]]
    bare = Results(rows, study.correct, study.problems, study.pass_rate)
    drawing = FIGURES["step_values"](figure_inputs(Studies(bare)))
    assert set(drawing.points["panel"]) == {"profile", "pits"} and len(drawing.figure.axes) == 2


def test_gains_are_paired_differences_within_bins_of_the_initial_pass_rate(study, drawn):
    table = drawn["gain_by_difficulty"].points
    (size,) = set(table["size"])
    rows = figure_rows(study.select(task="maze"), "size")
    rows = rows[rows["problems"] == size]
    runs = {label: subset["run"] for label, subset in rows.groupby("label")}
    rate = np.mean([study.pass_rate[run] for run in runs["sft"]], axis=0)
    inside = (rate >= 0.4) & (rate < 0.6)
    gain = np.mean([study.correct[run][inside] for run in runs["rft"]])
    gain -= np.mean([study.correct[run][inside] for run in runs["sft"]])
    (line,) = table[(table["label"] == "rft") & (table["pass_low"] == 0.4)].to_dict("records")
    assert line["problems"] == inside.sum() and line["gain"] == pytest.approx(gain)
    assert line["low"] <= line["gain"] <= line["high"]
    assert "step_dpo, no NLL" not in set(table["label"]) and "sft" not in set(table["label"])


def test_the_star_graph_shows_the_guess(drawn):
    table = drawn["star_graph"].points
    assert set(table["degree"]) == {5} and set(table["guess"]) == {0.8} and set(table["size"]) == {200, 800, 3200}
    for axes in drawn["star_graph"].figure.axes:
        assert [80.0, 80.0] in [list(line.get_xdata()) for line in axes.lines]
    apart = table[table["high"] < 0.8]
    assert set(apart["method"]) == {"step_dpo", "advantage_weighted"}


def test_flops_are_training_and_sampling_of_the_cells_runs(study, drawn):
    table = drawn["error_against_flops"].points.set_index(["label", "size"])
    rows = figure_rows(study.select(task="maze"), "size")
    subset = rows[(rows["label"] == "step_dpo") & (rows["problems"] == 200)]
    assert table.loc[("step_dpo", 200), "flops_sampling"] == pytest.approx(subset["flops_sampling"].mean())
    assert table.loc[("step_dpo", 200), "flops_training"] == pytest.approx(subset["flops_training"].mean())
    assert len(table) == len(WORTH) * len(SIZES)


def test_multipliers_cover_the_simulated_ones_and_mark_bounds(drawn):
    table = drawn["multipliers"].points
    exact = table[table["bound"] == "exact"]
    truth = exact["label"].map({label: worth for label, (_, worth) in WORTH.items()})
    held = (exact["low"] <= truth) & (truth <= exact["high"])
    assert held.mean() > 0.8 and len(exact) >= len(SIZES)
    at_the_end = table[(table["label"] == "step_dpo") & (table["size"] == max(SIZES))]
    assert at_the_end["bound"].tolist() == ["at least"]
    (axes,) = drawn["multipliers"].figure.axes
    bounds = (table["bound"] != "exact").sum()
    open_ends = (table["high_open"] & (table["bound"] != "at least")).sum()
    open_ends += (table["low_open"] & (table["bound"] != "at most")).sum()
    assert len(axes.texts) == bounds + open_ends  # one arrow each


def test_ablations_take_the_default_setting_from_the_size_rows(study, drawn):
    table = drawn["ablations"].points
    epochs = table[(table["scan"] == "rollout_policy") & (table["label"] == "step_dpo")]
    rollouts = table[(table["scan"] == "rollouts") & (table["label"] == "step_dpo")]
    assert epochs["value"].tolist() == [1, 5, 10, 20, 40] and rollouts["value"].tolist() == [1, 2, 4, 8, 16]
    default = figure_rows(study, "size")
    default = default[(default["label"] == "step_dpo") & (default["problems"] == FIXED) & (default["task"] == "maze")]
    assert epochs["error"].tolist()[1] == rollouts["error"].tolist()[-1] == pytest.approx(default["error"].mean())
    assert table.loc[table["label"] == "sft", "value"].isna().all() and len(table) == 12


# -- looks ---------------------------------------------------------------------------------------------------------


def test_a_label_has_one_look_and_a_variant_keeps_its_methods_colour():
    pairs = [("step_dpo, no NLL", "step_dpo"), ("new", "new"), ("step_dpo", "step_dpo"), ("sft", "sft")]
    result = looks(pd.DataFrame(pairs, columns=["label", "method"]))
    assert list(result) == ["sft", "step_dpo", "step_dpo, no NLL", "new"]
    assert result["step_dpo"].colour == result["step_dpo, no NLL"].colour == METHODS["step_dpo"][0]
    assert result["step_dpo"].filled and not result["step_dpo, no NLL"].filled


def test_every_method_has_a_colour_a_marker_and_a_title_that_no_other_has():
    assert METHODS.keys() == BUILT_IN.keys()
    for column in zip(*METHODS.values(), strict=True):
        assert len(set(column)) == len(METHODS)
    titles = {method.title for method in BUILT_IN.values()}
    assert len(titles) == len(METHODS) and "" not in titles
    assert {display_name(name) for name in METHODS} == titles


def test_the_analysis_needs_neither_the_pipeline_nor_a_display():
    code = (
        "import sys, analysis.__main__, analysis.figures, analysis.report.tables, analysis.report.page; "
        "heavy = {'torch', 'hydra', 'matplotlib', 'transformers', 'jinja2'} & set(sys.modules); "
        "pipeline = {name for name in sys.modules if name.startswith('synth_scaling.')}; "
        "sys.exit(', '.join(heavy | pipeline - {'synth_scaling.core', 'synth_scaling.core.terminal'}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_each_unknown_method_has_a_different_look_the_same_in_every_figure():
    methods = [f"mine_{index}" for index in range(30)]
    table = pd.DataFrame({"label": methods, "method": methods})
    styles = looks(table)
    assert len({(look.colour, look.marker) for look in styles.values()}) == 30
    assert not {look.colour for look in styles.values()} & {colour for colour, _ in METHODS.values()}
    assert not {look.marker for look in styles.values()} & {marker for _, marker in METHODS.values()}
    # Neither the order of rows nor the labels of one figure matter.
    assert looks(table[::-1]) == styles == {method: look_of(method, methods) for method in methods}
    assert looks(table[3:5], methods) == {method: styles[method] for method in methods[3:5]}
    assert looks(pd.DataFrame({"label": ["sft"], "method": ["sft"]}), methods)["sft"] == look_of("sft")


def test_labels_are_shown_with_the_names_of_their_methods():
    assert display_name("step_dpo, no NLL") == "per-step DPO, no NLL" and display_name("sft") == "SFT"
    assert display_name("mine, twice") == "mine, twice" and display_name("sft2") == "sft2"
