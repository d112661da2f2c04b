"""Test error after each round of sampling and training, a panel per method: what two figures share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.data.rounds import round_cells, round_costs
from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing, MissingRunsError
from analysis.figures.inputs import FigureInputs, methods_of, most_common_size, numbers, rows_of
from analysis.stats.bootstrap import resample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.figures.style import Look

SWEEP = "sweeps/prices_rounds.yaml"
FLOPS = "flops_sampling"
ASIDE = 0.08  # rounds by which a variant is moved, so that it hides no other point


def points(inputs: FigureInputs) -> pd.DataFrame:
    """Points: label, method, size, round, flops_sampling (mean over seeds), seeds, tested, error, low, high.

    They are those of the N with the most points (of several N, the middle one).

    Raises:
        MissingRunsError: no rows of figure "rounds" of another label than SFT.
        InputError: two runs of one seed with the same label and N.
    """
    rows = rows_of(inputs.results, "rounds")
    if set(rows["label"]) <= {BASELINE}:
        raise MissingRunsError(f'no rows with figure "rounds" of a label but {BASELINE}: run {SWEEP}')
    by_key, costs = round_cells(inputs.results), round_costs(inputs.results)
    table = numbers(by_key, resample(by_key, inputs.study.n_draws, inputs.study.seed), ["label", "size", "round"])
    table.insert(1, "method", table["label"].map(methods_of(rows)))
    table.insert(4, FLOPS, [costs.get(key, {}).get(FLOPS, float("nan")) for key in by_key])
    size = most_common_size(table[table["label"] != BASELINE].rename(columns={"size": "problems"}))
    return pd.DataFrame(table[table["size"] == size])


def drawing(inputs: FigureInputs, table: pd.DataFrame, x: str, axis: str, caption: str) -> Drawing:
    """A panel per method with its variants, against the column `x`; SFT is a line across all."""
    from analysis.figures.panels import name_shared_axes, panels_beside_baseline
    from analysis.figures.style import (
        REFERENCE,
        add_legend,
        display_name,
        log_percent,
        log_ticks,
        look_of,
        name_ticks,
        plot_points,
        plot_reference,
    )

    reference, drawn = table[table["label"] == BASELINE], table[table["label"] != BASELINE]
    panels_of = _panels(drawn)
    variants = sorted({_variant(label) for label in drawn["label"]})
    styles = {method: look_of(method, inputs.methods) for method in panels_of}

    unit = 1.0 if x == "round" else 10.0 ** np.floor(np.log10(drawn[x].min()))

    def draw_method(axes: Axes, method: str) -> str:
        plot_reference(axes, reference)
        for label in panels_of[method]:
            line, place = drawn[drawn["label"] == label], variants.index(_variant(label))
            look = _styled(styles[method], place)
            aside = ASIDE * place if x == "round" else 0.0
            plot_points(axes, line[x] / unit + aside, line, look, line=look.line)
        return ""

    figure, panels = panels_beside_baseline(styles, inputs.width, draw_method, reference=None)
    log_percent(panels[0], table, sparse=True)
    if x == "round":
        last = int(drawn["round"].max())
        panels[0].set_xlim(1 - 2 * ASIDE, last + ASIDE * (len(variants) + 1))
        name_ticks(panels[0], range(1, last + 1))
    else:
        log_ticks(panels[0], drawn[x].min() / unit / 1.3, drawn[x].max() / unit * 1.3, "x", sparse=True)
        axis = rf"{axis}, in $10^{{{np.log10(unit):.0f}}}$"
    name_shared_axes(figure, axis, inputs.error_axis, inputs.width)
    black = look_of(BASELINE)
    entries = [(_styled(black, place), variant or "the method") for place, variant in enumerate(variants)]
    if not reference.empty:
        entries.append((REFERENCE, f"{display_name(BASELINE)} with its 95 % interval"))
    if len(entries) > 1:
        add_legend(figure, entries)
    return Drawing(figure, table, caption)


def _panels(table: pd.DataFrame) -> dict[str, list[str]]:
    """method -> its labels, the method itself first; methods in the order of legends."""
    from analysis.figures.style import looks

    labels = looks(table)
    method_of = methods_of(table)
    panels: dict[str, list[str]] = {}
    for label in labels:
        panels.setdefault(method_of[label], []).append(label)
    return panels


def _variant(label: str) -> str:
    """The words of a label after the method's name; "" for the method itself."""
    return label.partition(",")[2].strip()


def _styled(look: Look, place: int) -> Look:
    """The look of the variant with this place in the legend; the first is the method itself."""
    from analysis.figures.style import VARIANT_LINES

    return (
        replace(look, line="-")
        if place == 0
        else replace(look, line=VARIANT_LINES[(place - 1) % len(VARIANT_LINES)], filled=False)
    )
