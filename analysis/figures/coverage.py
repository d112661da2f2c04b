"""Coverage: the share of test problems that at least one of k samples solves, against k, at one N."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.defaults import BASELINE
from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing, most_common_size, numbers, rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, k, seeds, tested, coverage (pass@k), low, high (fractions, 95 % interval).

    The N is the one with the most runs that have samples.

    Raises:
        MissingRunsError: no rows of figure "size" with samples.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.panels import name_shared_axes, panels_beside_baseline
    from analysis.figures.style import add_legend, display_name, looks, name_ticks, percents, plot_intervals

    sample = inputs.study.coverage
    if not sample.points:
        raise missing("size", " and samples (evaluation.samples)")
    rows = rows_of(inputs.results, "size")
    size = most_common_size(rows[rows["run"].isin(list(inputs.results.samples))])
    at = {key: cell for key, cell in sample.points.items() if key[1] == size}
    table = numbers(at, sample.drawn, ["label", "size", "k"])
    table["error"], table["low"], table["high"] = 1 - table["error"], 1 - table["high"], 1 - table["low"]
    table = table.rename(columns={"error": "coverage"})
    table.insert(1, "method", table["label"].map(methods_of(rows)))
    styles = looks(table, inputs.methods)

    def draw_label(axes: Axes, label: str) -> str:
        line = table[table["label"] == label]
        plot_intervals(axes, line["k"], percents(line, "coverage"), styles[label], line=styles[label].line)
        axes.set_xscale("log", base=2)
        name_ticks(axes, sorted(set(table["k"])))
        return ""

    figure, panels = panels_beside_baseline(styles, inputs.width, draw_label)
    panels[0].set_ylim(top=102)
    name_shared_axes(figure, "samples per problem, k", f"pass@k in %, N = {size}", inputs.width)
    if BASELINE in styles and len(styles) > 1:
        add_legend(figure, [(styles[BASELINE], f"{display_name(BASELINE)}, in every panel")])
    caption = (
        f"Coverage at N = {size} problems: the share of test problems that at least one of k samples solves, with 95 % "
        "intervals. A method that raises it at k = 1 but not at larger k has sharpened the policy."
    )
    return Drawing(figure, table, caption)
