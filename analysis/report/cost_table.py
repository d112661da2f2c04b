"""The costs of a study for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.markup import escape
from rich.table import Table

from analysis.study.costs import StudyCost


def cost_table(cost: StudyCost) -> Table:
    """One row per label: FLOPs and seconds of its runs, alone, with shared stages divided, and unshared stages."""
    table = Table(title="FLOPs and seconds of all stages, without pretraining")
    table.caption = (
        "alone: every run with an empty store; shared: a stage that k runs use counts 1/k in each; only: stages that "
        "no other label needs. The last line counts every stage once"
    )
    table.add_column("label")
    for column in ("runs", "alone", "shared", "only", "alone, s", "shared, s", "only, s"):
        table.add_column(column, justify="right")
    for label in cost.labels:
        parts = (label.alone, label.shared, label.exclusive)
        flops, seconds = [f"{part.flops:.3g}" for part in parts], [f"{part.seconds:,.0f}" for part in parts]
        table.add_row(escape(label.label), str(label.runs), *flops, *seconds)
    table.add_section()
    runs = str(sum(label.runs for label in cost.labels))
    seconds = [f"{cost.alone.seconds:,.0f}", f"{cost.once.seconds:,.0f}"]
    table.add_row("all", runs, f"{cost.alone.flops:.3g}", f"{cost.once.flops:.3g}", "", *seconds, "")
    return table


def cost_lines(costs: Mapping[str, StudyCost]) -> Iterator[str]:
    """A line per entry of `costs`: its name, and what share of the runs' cost remains when stages are shared."""
    for name, cost in costs.items():
        flops, seconds = _share(cost.once.flops, cost.alone.flops), _share(cost.once.seconds, cost.alone.seconds)
        yield (
            f"{name}: {cost.once.flops:.3g} of {cost.alone.flops:.3g} FLOPs ({flops}), "
            f"{cost.once.seconds:,.0f} of {cost.alone.seconds:,.0f} s ({seconds})"
        )


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.3f}" if whole else "-"
