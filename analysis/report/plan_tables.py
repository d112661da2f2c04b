"""The planner's answers as tables for the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from analysis.planner.costs import Rates
from analysis.planner.next_run import NextRun
from analysis.planner.options import Plan
from analysis.study.cost_law import Prices
from analysis.study.crossings import Crossing
from analysis.study.frontier import Purchase
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


def frontier_table(purchases: list[Purchase], prices: Prices, rates: Rates, error_name: str) -> Table:
    """One row per budget; money only where the rates are known."""
    priced = rates.money(1.0) is not None
    table = Table(title=escape(f"Best buy for a budget ({error_name})"))
    for column in ("price, FLOPs", *(["money"] if priced else []), "N", "error in % [95 %]", "best in"):
        table.add_column(column, justify="right")
    table.add_column("configuration")
    for one in purchases:
        table.add_row(
            f"{one.price:.3g}",
            *([f"{rates.money(one.price):.3g}"] if priced else []),
            f"{one.size:,}",
            escape(f"{100 * one.error:.2f} [{100 * one.low:.2f}, {100 * one.high:.2f}]"),
            f"{100 * one.best:.0f} % of draws",
            escape(one.name if one.by_law else f"{one.name} (as it was run)"),
        )
    sampling = "" if prices.sampling == 1 else f", a FLOP of sampling {prices.sampling:.3g} of training"
    table.caption = (
        f"A teacher solution costs {prices.teacher:.3g} FLOPs{sampling}. Configurations with three sizes or more: any "
        "N within them, by law; others as they were run. The best of many is flattered a little by chance."
    )
    return table


def crossing_table(crossings: list[Crossing], rates: Rates, baseline: str, error_name: str) -> Table:
    """One row per error and configuration; prices in money where the rates are known, else in FLOPs."""
    priced = rates.money(1.0) is not None
    unit = "money" if priced else "FLOPs"
    table = Table(title=escape(f"The price of a teacher solution from which on a configuration beats {baseline}"))
    table.add_column("error in %", justify="right")
    table.add_column("configuration")
    for column in ("teacher solutions", f"of {baseline}", "FLOPs", f"of {baseline}", f"price from, {unit} [95 %]"):
        table.add_column(escape(column), justify="right")

    def price(value: float | None) -> str:
        if value is None:
            return "never"
        return f"{rates.money(value) if priced else value:.3g}" if value else "0"

    for one in crossings:
        table.add_row(
            f"{100 * one.target:.3g}",
            escape(one.name),
            *(
                "-" if value is None else text.format(value)
                for text, value in (
                    ("{:,.0f}", one.solutions),
                    ("{:,.0f}", one.baseline_solutions),
                    ("{:.3g}", one.computed),
                    ("{:.3g}", one.baseline_computed),
                )
            ),
            escape(f"{price(one.price)} [{price(one.low)}, {price(one.high)}]"),
        )
    table.caption = (
        f"By {error_name}. 0: the configuration is cheaper at any price; never: at none, it needs as many teacher "
        "solutions, or its law does not reach the error within 4x its largest run (-)."
    )
    return table
