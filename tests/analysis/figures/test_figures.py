from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text
from scipy import stats

from analysis.data.results import Results, load
from analysis.errors import InputError
from analysis.figures import FIGURES, draw_all
from analysis.figures.drawing import Drawing, MissingRunsError
from analysis.figures.inputs import FigureInputs, figure_inputs
from analysis.figures.style import WIDTHS, display_name
from analysis.study.studies import Studies
from benchmarks.synthetic_study import FILTERS, FIXED, KAPPA, PAIRINGS, WORTH, write_study

SEEDS, PROBLEMS, SIZES = 3, 300, (100, 200, 400, 800)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Rows of every figure, of two tasks, from known laws."""
    folder = tmp_path_factory.mktemp("study")
    write_study(folder, SEEDS, PROBLEMS, SIZES)
    return load(folder)


@pytest.fixture(scope="module")
def both_widths(study: Results) -> dict[str, dict[str, Drawing]]:
    shared = figure_inputs(Studies(study))
    return {width: {name: draw(replace(shared, width=width)) for name, draw in FIGURES.items()} for width in WIDTHS}


@pytest.fixture(scope="module")
def drawn(both_widths: dict[str, dict[str, Drawing]]) -> dict[str, Drawing]:
    return both_widths["column"]


def figure_rows(results: Results, figure: str) -> pd.DataFrame:
    return results.rows[results.rows["figure"] == figure]


def test_every_figure_is_the_same_bytes_when_drawn_again(study, tmp_path):
    for folder in ("once", "again"):
        lines = list(draw_all(figure_inputs(Studies(study, 100)), tmp_path / folder))
        assert len(lines) == len(FIGURES) and not any("skipped" in line for line in lines)
    names = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg", "pdf", "csv")}
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
    names += [drawing.figure.get_supxlabel(), drawing.figure.get_supylabel()]
    if name not in ("step_values", "error_against_temperature", "coverage"):
        assert "one sample at T = 1" in " ".join([drawing.caption, *names])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_cut_off_and_no_two_overlap(both_widths, name, width):
    _assert_readable(both_widths[width][name])


def _assert_readable(drawing: Drawing) -> None:
    figure = drawing.figure
    figure.canvas.draw()
    whole = figure.bbox.padded(0.5)
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    texts += [text for text in (figure._supxlabel, figure._supylabel) if text is not None]
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


@pytest.mark.parametrize(("width", "inches"), [("column", 3.25), ("page", 6.75)])
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_as_wide_as_a_column_or_page_in_8_points_and_names_its_axes(both_widths, name, width, inches):
    drawing = both_widths[width][name]
    figure = drawing.figure
    assert figure.get_figwidth() == inches
    shared = figure.get_supxlabel()
    assert all(axes.get_xlabel() or axes.get_ylabel() or shared for axes in figure.axes)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert texts and {text.get_fontsize() for text in texts} <= {8.0}
    assert len(drawing.points) and drawing.caption.endswith(".")
    assert drawing.csv().splitlines()[0] == ",".join(drawing.points.columns)


# -- which rows ----------------------------------------------------------------------------------------------------


def test_the_task_with_most_rows_is_shown_unless_another_is_chosen(study):
    assert set(figure_inputs(Studies(study)).results.rows["task"]) == {"maze"}
    star = figure_inputs(Studies(study), "star_graph")
    assert set(star.results.rows["task"]) == {"star_graph"}
    assert star.star_graph is not None and figure_inputs(Studies(study)).star_graph is not None
    alone = figure_inputs(Studies(study.select(task="star_graph")))
    assert set(alone.results.rows["task"]) == {"star_graph"}
    with pytest.raises(InputError, match="no rows of task 'gsm8k'; there are: maze, star_graph"):
        figure_inputs(Studies(study), "gsm8k")


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


def test_the_sizes_run_are_the_ticks(both_widths):
    for axes in both_widths["page"]["error_against_n"].figure.axes:
        assert list(axes.get_xticks()) == list(SIZES)
        assert axes.get_xscale() == axes.get_yscale() == "log"
    shown = {text.get_text() for text in axes.get_xticklabels() if text.get_text()}  # of the last, at the bottom
    assert shown and shown <= {str(size) for size in SIZES}


def named(axes: Axes) -> str:
    """The display name in a panel's title, without letter, folds and exponent."""
    name = axes.get_title("left").partition("$  ")[2].split("\n$")[0]
    return " ".join(name.replace("-\n", "-").split())


def test_every_panel_has_a_letter_and_no_two_labels_share_one(drawn):
    labels = sorted(set(WORTH) - {"sft"})
    for name in ("error_against_n", "error_against_flops"):
        titles = [axes.get_title("left") for axes in drawn[name].figure.axes]
        assert len(titles) == len(labels)
        assert [title.partition("}$")[0] for title in titles] == [
            rf"$\mathbf{{{x}" for x in "abcdefghijk"[: len(titles)]
        ]
        assert {named(axes) for axes in drawn[name].figure.axes} == {display_name(label) for label in labels}
    for name in ("step_values", "star_graph", "ablations", "positives_and_negatives"):
        assert r"$\mathbf{a}$" in drawn[name].figure.axes[0].get_title("left")


def test_an_arrow_shows_the_multiplier_farthest_from_1_in_its_labels_panel(study, drawn):
    multipliers = figure_inputs(Studies(study)).study.multipliers
    n_arrows = 0
    for axes in drawn["error_against_n"].figure.axes:
        (label,) = (one for one in WORTH if display_name(one) == named(axes))
        known = [m.value for m in multipliers if m.label == label and m.bound == "exact" and (m.low > 1 or m.high < 1)]
        texts = [text.get_text() for text in axes.texts if text.get_text()]
        assert texts == [f"{max(known, key=lambda value: abs(np.log(value))):.1f}x"] if known else not texts
        for arrow in (text for text in axes.texts if not text.get_text()):
            n_arrows += 1
            assert arrow.xy[1] == arrow.xyann[1]  # level
            assert (arrow.xy[0] > arrow.xyann[0]) == (float(texts[0][:-1]) >= 1)
    assert n_arrows >= 2


def test_teacher_and_self_generated_start_from_the_same_point(study, drawn):
    table = drawn["teacher_against_self"].points.set_index(["source", "responses"])
    assert set(table["size"]) == {FIXED}
    assert list(table.loc["teacher"].index) == [1, 2, 4, 8]
    assert list(table.loc["self"].index) == [1, 2, 3, 5, 9, 17]  # 1 + k, k from the scan and from the size sweep
    assert table.loc[("self", 1), "error"] == table.loc[("teacher", 1), "error"]
    rows = figure_rows(study, "teacher")
    traces = rows["config"].map(lambda config: config["data"]["traces"])
    assert table.loc[("teacher", 4), "error"] == pytest.approx(rows[traces == 4]["error"].mean())


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
        assert f"{kappa:.2f}\n[" in panel.get_title("left")


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
    arrows = [text for axes in drawn["multipliers"].figure.axes for text in axes.texts]
    bounds = (table["bound"] != "exact").sum()
    open_ends = (table["high_open"] & (table["bound"] != "at least")).sum()
    open_ends += (table["low_open"] & (table["bound"] != "at most")).sum()
    assert len(arrows) == bounds + open_ends  # one arrow each


def test_ablations_take_the_default_setting_from_the_size_rows(study, drawn):
    table = drawn["ablations"].points
    epochs = table[(table["scan"] == "rollout_policy") & (table["label"] == "step_dpo")]
    rollouts = table[(table["scan"] == "rollouts") & (table["label"] == "step_dpo")]
    assert epochs["value"].tolist() == [1, 5, 10, 20, 40] and rollouts["value"].tolist() == [1, 2, 4, 8, 16]
    default = figure_rows(study, "size")
    default = default[(default["label"] == "step_dpo") & (default["problems"] == FIXED) & (default["task"] == "maze")]
    assert epochs["error"].tolist()[1] == rollouts["error"].tolist()[-1] == pytest.approx(default["error"].mean())
    assert table.loc[table["label"] == "sft", "value"].isna().all() and len(table) == 12


def test_worlds_are_drawn_beside_the_one_that_they_differ_from(study, drawn):
    table = drawn["worlds"].points
    expected = {"choices": [1, 2, 4, 10], "habits": [0.25, 0.5, 1], "length": [5, 10], "apart": [1, 8]}
    for (figure, label), points in table.groupby(["property", "label"]):
        assert points["value"].tolist() == expected[figure], label
    assert set(table["label"]) == {"sft", "step_dpo", "step_sft"} and set(table["size"]) == {FIXED}
    default = figure_rows(study, "size")
    default = default[(default["label"] == "step_sft") & (default["problems"] == FIXED) & (default["task"] == "maze")]
    shown = table[(table["label"] == "step_sft") & (table["value"] == 10)]["error"]
    assert shown.tolist() == pytest.approx([default["error"].mean()] * 2)


def test_texts_of_svg_and_pdf_are_text(drawn):
    drawing = drawn["error_against_n"]
    assert b">training problems N<" in drawing.image("svg")
    pdf = drawing.image("pdf")
    assert pdf.startswith(b"%PDF") and b"/FontFile2" in pdf and b"/Subtype /Type3" not in pdf  # TrueType, not outlines


def test_shares_stay_between_0_and_1(study):
    rows = study.rows
    at = {0: 0.01, 1: 0.9, 2: 0.99}  # by seed: the interval of Student's t would reach beyond
    rows = rows.assign(spurious_share=[at[seed] for seed in rows["seed"]])
    table = FIGURES["step_values"](figure_inputs(Studies(replace(study, rows=rows)))).points
    assert table[["low", "high"]].min().min() >= 0 and table[["low", "high"]].max().max() <= 1
    assert (table.loc[table["panel"] == "spurious", "high"] == 1).all()
