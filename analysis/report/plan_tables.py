"""The planner's answers as tables for the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from analysis.planner.costs import Rates
from analysis.planner.next_run import NextRun
from analysis.planner.options import Plan
from analysis.study.multipliers import Multiplier

RUNS_SHOWN = 5


def option_table(title: str, plan: Plan, rates: Rates) -> Table:
    """One row per option, best first; GPU hours and money only where their rates are known."""
    priced = {"GPU hours": rates.hours, "money": rates.money}
    priced = {name: price for name, price in priced.items() if price(1.0) is not None}
    table = Table(title=escape(title))
    amounts = ("N", "positives", "negatives")
    for column in ("", "method", *amounts, "error in % [95 %]", "FLOPs [95 %]", *priced, "best in"):
        table.add_column(column, justify="right" if column in amounts else "left")
    table.add_column("note")
    for place, option in enumerate(plan.options, start=1):
        spent = f"{option.flops:.3g}"
        if option.flops_low is None or option.flops_low != option.flops_high:
            ends = ("open" if end is None else f"{end:.3g}" for end in (option.flops_low, option.flops_high))
            spent += f" [{', '.join(ends)}]"
        note = "; ".join(part for part in ("EXTRAPOLATED" if option.extrapolated else "", option.note) if part)
        error = f"{100 * option.error:.2f} [{100 * option.error_low:.2f}, {100 * option.error_high:.2f}]"
        table.add_row(
            str(place),
            escape(option.method),
            f"{option.problems:,}",
            *("-" if count is None else f"{count:,}" for count in (option.positives, option.negatives)),
            escape(error),
            escape(spent),
            *(f"{price(option.flops):.3g}" for price in priced.values()),
            f"{100 * option.best:.0f} % of draws",
            escape(note),
        )
    return table


def run_table(multiplier: Multiplier, runs: list[NextRun], error_name: str) -> Table:
    """The runs that narrow the multiplier most, in order; `error_name` is the error that it compares."""
    title = f"Next run for M({multiplier.size}) of {multiplier.label}, now {multiplier} [{multiplier.interval_text()}]"
    table = Table(title=escape(title))
    for column in ("", "label", "N", "seed", "interval of log M narrows by", "note"):
        table.add_column(column, justify="right" if column in ("N", "seed") else "left")
    for place, one in enumerate(runs[:RUNS_SHOWN], start=1):
        note = "a new size" if one.new else ""
        shrinkage = f"{100 * one.shrinkage:.1f} %"
        table.add_row(str(place), escape(one.label), f"{one.size:,}", str(one.seed), shrinkage, note)
    table.caption = (
        f"M by {error_name}. expected, by the delta method: seeds add information, the test problems stay the same"
    )
    if multiplier.low_open or multiplier.high_open:
        end = "larger" if multiplier.high_open else "smaller"
        table.caption += f"; an end is open, which only {end} runs of the baseline can close"
    return table
