"""What to buy, printed as ranked tables or as JSON."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from analysis.data.cells import size_cells, sizes_of
from analysis.data.files import InputError
from analysis.data.results import Results, load
from analysis.planner.costs import Rates
from analysis.planner.next_run import NextRun, next_runs
from analysis.planner.options import Plan
from analysis.planner.plan import plan_for_budget, plan_for_target
from analysis.stats.bootstrap import resample
from analysis.study.curves import fit_curve
from analysis.study.multipliers import Multiplier, multiplier

if TYPE_CHECKING:
    from rich.table import Table

WANTED = "--target-error, --budget-flops, --budget-gpu-hours or --budget-money"
RUNS_SHOWN = 5
BUDGETS = ("budget_flops", "budget_gpu_hours", "budget_money")
RATES = ("flops_per_second", "money_per_gpu_hour", "flops_per_problem", "money_per_problem")


def run(options: argparse.Namespace) -> None:
    """Print the plan, the next runs, or both."""
    rates, budget = _rates_and_budget(options)
    problem = _problem(options, rates)
    if options.target_error is None and budget is None and options.multiplier is None:
        raise InputError(f"nothing to plan for: give {WANTED}, or --multiplier")
    results = load(options.results).select(task=options.task, sweep=options.sweep)
    printed: dict[str, Any] = {}
    tables = []
    if options.target_error is not None or budget is not None:
        if budget is not None:
            plan = plan_for_budget(results, budget, problem, options.extrapolate, options.draws)
            title = f"Lowest error for {budget:.3g} FLOPs"
        else:
            plan = plan_for_target(results, options.target_error, problem, options.extrapolate, options.draws)
            title = f"Cheapest way to an error of {100 * options.target_error:g} %"
        printed |= {"options": _options_as_json(plan, rates), "refused": [asdict(one) for one in plan.refused]}
        tables.append(option_table(title, plan, rates))
    if options.multiplier is not None:
        label, size = _label_and_size(options.multiplier)
        found, runs = _next(results, options.baseline, label, size, options.draws)
        printed |= {"multiplier": asdict(found), "next_runs": [asdict(one) for one in runs]}
        tables.append(run_table(found, runs))
    if options.json:
        print(json.dumps(printed, indent=2, allow_nan=False))
        return
    from rich.console import Console

    # Into a pipe or a file rich assumes 80 columns and would cut the numbers.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for table in tables:
        console.print(table)
    for refusal in printed.get("refused", []):
        console.print(f"{refusal['method']}: {refusal['reason']}", markup=False, highlight=False)


def option_table(title: str, plan: Plan, rates: Rates) -> Table:
    """One row an option, best first; hours and money only where their rates are known."""
    from rich.markup import escape
    from rich.table import Table

    priced = {"GPU hours": rates.hours, "money": rates.money}
    priced = {name: price for name, price in priced.items() if price(1.0) is not None}
    table = Table(title=title)
    for column in (
        "",
        "method",
        "N",
        "positives",
        "negatives",
        "error in % [95 %]",
        "FLOPs [95 %]",
        *priced,
        "best in",
    ):
        table.add_column(column, justify="right" if column in ("N", "positives", "negatives") else "left")
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


def run_table(found: Multiplier, runs: list[NextRun]) -> Table:
    """The runs that narrow the multiplier most, in order."""
    from rich.markup import escape
    from rich.table import Table

    title = f"Next run for M({found.size}) of {found.label}, now {found} [{found.interval_text()}]"
    table = Table(title=escape(title))
    for column in ("", "label", "N", "seed", "interval of log M narrows by", "note"):
        table.add_column(column, justify="right" if column in ("N", "seed") else "left")
    for place, one in enumerate(runs[:RUNS_SHOWN], start=1):
        note = "a new size" if one.new else ""
        shrinkage = f"{100 * one.shrinkage:.1f} %"
        table.add_row(str(place), escape(one.label), f"{one.size:,}", str(one.seed), shrinkage, note)
    table.caption = "expected, by the delta method: seeds add information, the test problems stay the same"
    if found.low_open or found.high_open:
        end = "larger" if found.high_open else "smaller"
        table.caption += f"; an end is open, which only {end} runs of the baseline can close"
    return table


def _next(results: Results, baseline: str, label: str, size: int, draws: int) -> tuple[Multiplier, list[NextRun]]:
    cells = size_cells(results)
    sizes_of(cells, baseline)
    runs = next_runs(cells, baseline, label, size)
    drawn = resample(cells, draws)
    try:
        return multiplier(cells, drawn, fit_curve(cells, drawn, baseline), label, size), runs
    except ValueError as error:
        raise InputError(f"no multiplier of {label} at N = {size}: {error}") from error


def _options_as_json(plan: Plan, rates: Rates) -> list[dict[str, Any]]:
    return [
        asdict(option) | {"gpu_hours": rates.hours(option.flops), "money": rates.money(option.flops)}
        for option in plan.options
    ]


def _rates_and_budget(options: argparse.Namespace) -> tuple[Rates, float | None]:
    """The rates, and the budget in FLOPs if there is one. Raises InputError for what does not go together."""
    if options.draws < 1:
        raise InputError(f"--draws must be at least 1, not {options.draws}")
    given = {name: value for name in (*BUDGETS, *RATES) if (value := getattr(options, name)) is not None}
    for name, value in given.items():
        if not 0 < value < math.inf:
            raise InputError(f"--{name.replace('_', '-')} must be positive, not {value:g}")
    budgets = [name for name in BUDGETS if name in given]
    if len(budgets) + (options.target_error is not None) > 1:
        raise InputError(f"one question at a time: {WANTED}")
    rates = Rates(options.flops_per_second, options.money_per_gpu_hour)
    if not budgets:
        return rates, None
    name = budgets[0]
    if name == "budget_flops":
        return rates, given[name]
    if rates.flops_per_second is None:
        raise InputError(f"--{name.replace('_', '-')} needs --flops-per-second")
    if name == "budget_gpu_hours":
        return rates, given[name] * 3600 * rates.flops_per_second
    return rates, _in_flops(given[name], rates, name)


def _problem(options: argparse.Namespace, rates: Rates) -> float:
    """What a problem costs to get, in FLOPs."""
    if options.money_per_problem is None:
        return options.flops_per_problem or 0.0
    if options.flops_per_problem is not None:
        raise InputError("--flops-per-problem and --money-per-problem say the same thing: give one of them")
    return _in_flops(options.money_per_problem, rates, "money_per_problem")


def _in_flops(money: float, rates: Rates, name: str) -> float:
    if rates.flops_per_second is None or rates.money_per_hour is None:
        raise InputError(f"--{name.replace('_', '-')} needs --flops-per-second and --money-per-gpu-hour")
    return money / rates.money_per_hour * 3600 * rates.flops_per_second


def _label_and_size(text: str) -> tuple[str, int]:
    """ "step_dpo@400" as ("step_dpo", 400). Raises InputError for anything else."""
    label, at, size = text.rpartition("@")
    if not (label and at and size.isdecimal()):
        raise InputError(f"--multiplier takes LABEL@N, for instance step_dpo@400, not {text!r}")
    return label, int(size)
