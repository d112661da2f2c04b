"""Coverage: the share of test problems that at least one of k samples solves, against k, at one N."""

from __future__ import annotations

from analysis.figures.drawing import Drawing
from analysis.figures.inputs import FigureInputs, methods_of, missing, most_common_size, numbers, rows_of


def draw(inputs: FigureInputs) -> Drawing:
    """Points: label, method, size, k, seeds, tested, coverage (pass@k), low, high (fractions, 95 % interval).

    The N is the one with the most runs that have samples.

    Raises:
        MissingRunsError: no rows of figure "size" with samples.
        InputError: two runs of one seed at one point.
    """
    from analysis.figures.style import (
        add_legend,
        display_name,
        looks,
        name_axes,
        name_ticks,
        new_figure,
        percents,
        plot_intervals,
    )

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
    figure, axes = new_figure()
    entries = []
    for label, look in looks(table, inputs.methods).items():
        line = table[table["label"] == label]
        plot_intervals(axes, line["k"], percents(line, "coverage"), look, line=look.line)
        entries.append((look, display_name(label)))
    axes.set_xscale("log", base=2)
    name_ticks(axes, sorted(set(table["k"])))
    axes.set_ylim(top=102)
    name_axes(axes, "samples per problem, k", f"pass@k in %, N = {size}")
    add_legend(figure, entries, columns=3)
    caption = (
        f"Coverage at N = {size} problems: the share of test problems that at least one of k samples solves, with 95 % "
        "intervals. A method that raises it at k = 1 but not at larger k has sharpened the policy."
    )
    return Drawing(figure, table, caption)
