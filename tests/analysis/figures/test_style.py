"""Looks of methods in figures: colours, markers, lines and names."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from analysis.figures.style import METHODS, display_name, empty_figure, log_percent, look_of, looks
from synth_scaling.methods import METHODS as REGISTRY

BUILT_IN = REGISTRY.built_in


def test_a_label_has_one_look_and_a_variant_keeps_its_methods_colour():
    pairs = [("step_dpo, no NLL", "step_dpo"), ("new", "new"), ("step_dpo", "step_dpo"), ("sft", "sft")]
    result = looks(pd.DataFrame(pairs, columns=["label", "method"]))
    assert list(result) == ["sft", "step_dpo", "step_dpo, no NLL", "new"]
    assert result["step_dpo"].colour == result["step_dpo, no NLL"].colour == METHODS["step_dpo"][0]
    assert result["step_dpo"].filled and not result["step_dpo, no NLL"].filled


def test_every_method_has_a_colour_a_marker_and_a_title_that_no_other_has():
    assert METHODS.keys() == BUILT_IN.keys()
    colours, markers, _ = zip(*METHODS.values(), strict=True)
    assert len(set(colours)) == len(set(markers)) == len(METHODS)
    titles = {method.title for method in BUILT_IN.values()}
    assert len(titles) == len(METHODS) and "" not in titles
    assert {display_name(name) for name in METHODS} == titles


def test_each_unknown_method_has_a_different_look_the_same_in_every_figure():
    methods = [f"mine_{index}" for index in range(30)]
    table = pd.DataFrame({"label": methods, "method": methods})
    styles = looks(table)
    assert len({(look.colour, look.marker) for look in styles.values()}) == 30
    assert not {look.colour for look in styles.values()} & {colour for colour, *_ in METHODS.values()}
    assert not {look.marker for look in styles.values()} & {marker for _, marker, _ in METHODS.values()}
    # Neither the order of rows nor the labels of one figure matter.
    assert looks(table[::-1]) == styles == {method: look_of(method, methods) for method in methods}
    assert looks(table[3:5], methods) == {method: styles[method] for method in methods[3:5]}
    assert looks(pd.DataFrame({"label": ["sft"], "method": ["sft"]}), methods)["sft"] == look_of("sft")


# Machado et al. 2009, severity 1, on linear RGB: a deuteranope's view.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
GREY = np.array([[0.2126, 0.7152, 0.0722]] * 3)
ALIKE = 10  # in CIELAB, where 2 can just be seen side by side


def lab(colour: str, view: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of a colour as someone sees it whose view is a matrix on linear RGB."""
    rgb = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(view @ linear, 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("view", [DEUTERANOPIA, GREY], ids=["deuteranopia", "grey"])
def test_methods_whose_colours_look_alike_differ_in_line_and_marker(view):
    alike = 0
    for (_, one), (_, other) in combinations(METHODS.items(), 2):
        if np.linalg.norm(lab(one[0], view) - lab(other[0], view)) < ALIKE:
            alike += 1
            assert one[1] != other[1] and one[2] != other[2], (one, other)
    assert alike  # the simulation shows what the lines are for
    assert lab("#ffffff", view) == pytest.approx([100, 0, 0], abs=0.5)


def test_labels_are_shown_with_the_names_of_their_methods():
    assert display_name("step_dpo, no NLL") == "per-step DPO, no NLL" and display_name("sft") == "SFT"
    assert display_name("mine, twice") == "mine, twice" and display_name("sft2") == "sft2"


@pytest.mark.parametrize(
    ("cells", "lowest"),
    [
        ([(0.1, 0.08, 0.12), (0.04, 0.03, 0.05)], 3 / 1.15),  # an interval that fits is shown
        ([(0.1, 0.08, 0.12), (0.04, 0.00001, 0.9)], 1 / 1.15),  # one that goes on is cut
        ([(0.1, 0.08, 0.12), (0.0, 0.0, 0.004)], 0.4 / 2 / 1.15),  # without errors the upper end is seen
    ],
)
def test_the_axis_of_errors_ends_at_a_quarter_of_the_lowest_error(cells: list, lowest: float) -> None:
    axes = empty_figure("column").subplots()
    log_percent(axes, pd.DataFrame(cells, columns=["error", "low", "high"]))
    assert axes.get_ylim()[0] == pytest.approx(lowest)
