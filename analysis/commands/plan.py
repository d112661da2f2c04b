"""`plan`: the cheapest way to an error, the best use of a budget, and the run that would narrow a multiplier most."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from analysis.commands.arguments import add_baseline, add_draws, add_error, add_results, load_selected
from analysis.commands.console import print_json, print_tables
from analysis.errors import InputError
from synth_scaling.core.terminal import say

if TYPE_CHECKING:
    from analysis.planner.costs import Rates
    from analysis.planner.next_run import NextRun
    from analysis.planner.options import Plan
    from analysis.study.cost_law import Prices
    from analysis.study.crossings import Crossing
    from analysis.study.frontier import Purchase
    from analysis.study.multipliers import Multiplier
    from analysis.study.study import Study

EXAMPLE = "plan results/maze_full --sweep maze_full --target-error 0.05 --multiplier step_dpo@400"
WIDTH = 160  # columns
GOALS = "--target-error, --budget-flops, --budget-gpu-hours or --budget-money"
BUDGETS = ("budget_flops", "budget_gpu_hours", "budget_money")
RATES = ("flops_per_second", "sampling_flops_per_second", "money_per_gpu_hour")
IN_FLOPS = "flops"  # the unit of --teacher-cost where it is not money
SHOWN_BUDGETS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser)
    add_error(parser)
    add = parser.add_argument
    add("--target-error", type=float, metavar="E", help="a fraction, e.g. 0.05")
    add("--budget-flops", type=float, metavar="F", help="training and sampling FLOPs of one run")
    add("--budget-gpu-hours", type=float, metavar="H", help="needs --flops-per-second")
    add("--budget-money", type=float, metavar="M", help="needs both rates")
    add("--frontier", action="store_true", help="the best buy for every budget, and what a teacher solution may cost")
    add("--flops-per-second", type=float, metavar="R", help="FLOPs per second that a GPU achieves in training")
    add("--sampling-flops-per-second", type=float, metavar="R", help="the same in sampling (default as in training)")
    add("--money-per-gpu-hour", type=float, metavar="P", help="in the unit of --budget-money")
    add("--teacher-cost", metavar="C", help="of a teacher solution: money (0.02; needs both rates), or 5e9flops")
    add("--multiplier", metavar="LABEL@N", help="rank the next runs by how much they narrow this M(N)")
    add_baseline(parser, "of --multiplier")
    add("--extrapolate", action="store_true", help="allow, and mark, N beyond 4x a label's largest run")
    add_draws(parser)


def run(options: argparse.Namespace) -> None:
    """Print the plan, the frontier, the next runs, or several of them."""
    from dataclasses import asdict

    from analysis.report.plan_tables import crossing_table, frontier_table, option_table, run_table
    from analysis.study.study import Study

    rates, budget = _rates_and_budget(options)
    prices = _prices(options, rates)
    if options.target_error is None and budget is None and options.multiplier is None and not options.frontier:
        raise InputError(f"nothing to plan for: give {GOALS}, --frontier or --multiplier")
    study = Study(load_selected(options), options.baseline, options.draws)
    printed: dict[str, Any] = {}
    tables = []
    if options.target_error is not None or budget is not None:
        title, plan = _plan(study, options, budget, prices)
        printed |= {"options": _options_as_json(plan, rates), "refused": [asdict(one) for one in plan.refused]}
        tables.append(option_table(title, plan, rates))
    if options.frontier:
        purchases, crossings = _frontier(study, options, prices)
        printed["frontier"] = [asdict(one) | {"money": rates.money(one.price)} for one in purchases]
        printed["crossings"] = [
            asdict(one) | {"money": None if one.price is None else rates.money(one.price)} for one in crossings
        ]
        tables.append(frontier_table(purchases, prices, rates, study.error_name))
        tables.append(crossing_table(crossings, rates, study.baseline, study.error_name))
    if options.multiplier is not None:
        multiplier, runs = _next(study, options)
        printed |= {"multiplier": asdict(multiplier), "next_runs": [asdict(one) for one in runs]}
        tables.append(run_table(multiplier, runs, study.error_name))
    if options.json:
        print_json(printed)
        return
    print_tables(tables, WIDTH)
    for refusal in printed.get("refused", []):
        say(f"{refusal['method']}: {refusal['reason']}")


def _plan(study: Study, options: argparse.Namespace, budget: float | None, prices: Prices) -> tuple[str, Plan]:
    """The title and the plan for a budget in FLOPs, or else for the target error."""
    from analysis.planner.plan import plan_for_budget, plan_for_target

    if budget is not None:
        plan = plan_for_budget(study, budget, prices, options.extrapolate)
        return f"Lowest error for {budget:.3g} FLOPs ({study.error_name})", plan
    plan = plan_for_target(study, options.target_error, prices, options.extrapolate)
    return f"Cheapest way to an error of {100 * options.target_error:g} % ({study.error_name})", plan


def _frontier(study: Study, options: argparse.Namespace, prices: Prices) -> tuple[list[Purchase], list[Crossing]]:
    """The best buys up to the most expensive run, and the crossings at the target error or at three errors."""
    from analysis.study.crossings import crossings_at
    from analysis.study.frontier import frontier, spread_budgets

    offers = study.offers
    budgets = spread_budgets(offers, offers.costs(prices), SHOWN_BUDGETS)
    purchases = frontier(offers, prices, list(budgets))
    targets = None if options.target_error is None else [options.target_error]
    return purchases, crossings_at(offers, study.baseline, targets, prices.sampling)


def _next(study: Study, options: argparse.Namespace) -> tuple[Multiplier, list[NextRun]]:
    """The multiplier that was asked for, and the runs that would narrow it, best first."""
    from analysis.planner.next_run import next_runs

    label, size = _label_and_size(options.multiplier)
    runs = next_runs(study.cells, study.baseline, label, size)
    for multiplier in study.multipliers:
        if (multiplier.label, multiplier.size) == (label, size):
            return multiplier, runs
    raise InputError(f"no multiplier of {label} at N = {size}: {study.baseline}: {study.no_multipliers}")


def _options_as_json(plan: Plan, rates: Rates) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [
        asdict(option) | {"gpu_hours": rates.hours(option.flops), "money": rates.money(option.flops)}
        for option in plan.options
    ]


def _rates_and_budget(options: argparse.Namespace) -> tuple[Rates, float | None]:
    """The rates, and the budget in FLOPs if there is one. Raises InputError for options that contradict each other."""
    from analysis.planner.costs import Rates

    given = {name: value for name in (*BUDGETS, *RATES) if (value := getattr(options, name)) is not None}
    for name, value in given.items():
        if not 0 < value < math.inf:
            raise InputError(f"--{name.replace('_', '-')} must be positive, not {value:g}")
    budgets = [name for name in BUDGETS if name in given]
    if len(budgets) + (options.target_error is not None) > 1:
        raise InputError(f"one question at a time: {GOALS}")
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


def _prices(options: argparse.Namespace, rates: Rates) -> Prices:
    """The prices in FLOPs of training. Raises InputError for a malformed one, or for money without rates."""
    from analysis.study.cost_law import Prices

    sampling = 1.0
    if options.sampling_flops_per_second is not None:
        if rates.flops_per_second is None:
            raise InputError("--sampling-flops-per-second needs --flops-per-second")
        sampling = rates.flops_per_second / options.sampling_flops_per_second
    text = options.teacher_cost
    if text is None:
        return Prices(sampling=sampling)
    try:
        amount = float(text.lower().removesuffix(IN_FLOPS))
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise InputError(f"--teacher-cost takes money, as 0.02, or FLOPs, as 5e9flops, not {text!r}")
    in_flops = text.lower().endswith(IN_FLOPS)
    return Prices(amount if in_flops or amount == 0 else _in_flops(amount, rates, "teacher_cost"), sampling)


def _in_flops(money: float, rates: Rates, name: str) -> float:
    if rates.flops_per_second is None or rates.money_per_hour is None:
        raise InputError(f"--{name.replace('_', '-')} needs --flops-per-second and --money-per-gpu-hour")
    return money / rates.money_per_hour * 3600 * rates.flops_per_second


def _label_and_size(text: str) -> tuple[str, int]:
    """("step_dpo", 400) for "step_dpo@400". Raises InputError for anything else."""
    label, at, size = text.rpartition("@")
    if not (label and at and size.isdecimal()):
        raise InputError(f"--multiplier takes LABEL@N, for instance step_dpo@400, not {text!r}")
    return label, int(size)
