"""Does the best buy by one half of a study hold in the other half?

    python -m benchmarks.buying [--splits 6] [--study results/maze_full:greedy]

Studies are split by seeds, by test problems, or by both (no run and no problem in common). From one half the planner
chooses a configuration and N for a budget, and a configuration for an error. In the other half the choice is compared
with that half's own best: its error over the lowest error for the budget, and its price over the lowest price of the
error. Shown are the study, the split, the price of a teacher solution in FLOPs, the shares of choices within 20 % of
the best, the medians and the 95 % quantiles of the excess, and the share within 20 % where one always buys the
baseline. The other half's best is chosen by that half's own noise: a perfect choice, too, exceeds it.
"""

from __future__ import annotations

import argparse
import os
from itertools import combinations
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from analysis.data.cells import sizes_of
from analysis.data.results import load
from analysis.defaults import BASELINE
from analysis.study.cost_law import CostLaw, Prices
from analysis.study.crossings import crossings, default_targets
from analysis.study.frontier import frontier
from analysis.study.offers import Offers, offers

STUDIES = ("results/maze_full:greedy", "results/collect_full:greedy", "results/collect_full:sampled")
SPLITS = ("seeds", "problems", "both")
WITHIN = 0.2
BUDGETS, TARGETS = 8, 6
DRAWS = 2  # intervals are not used
TEACHER = (0.0, 1.0, 10.0)  # times the lowest price at which a configuration beats the baseline


def halves(whole: Offers, split: str, count: int, rng: np.random.Generator) -> list[tuple[Offers, Offers]]:
    """Pairs (predicted from, judged by) of a study; up to `count` splits, each in both directions."""
    seeds = sorted({seed for cell in whole.cells.values() for seed in cell.seeds})
    problems = next(iter(whole.cells.values())).wrong.shape[1]
    by_seeds = [*combinations(seeds, len(seeds) // 2)]
    pairs = []
    for place in range(count if split != "seeds" else min(count, len(by_seeds))):
        order = rng.permutation(problems)
        first = by_seeds[rng.integers(len(by_seeds)) if split != "seeds" else place]
        rest = [seed for seed in seeds if seed not in first]
        of_seeds = (list(first), rest) if split != "problems" else (None, None)
        of_problems = (order[::2], order[1::2]) if split != "seeds" else (None, None)
        one, other = (
            whole.part(seeds=its, problems=None if places is None else places.tolist())
            for its, places in zip(of_seeds, of_problems, strict=True)
        )
        # Only what both halves have can be chosen and judged.
        shared = one.cells.keys() & other.cells.keys()
        one, other = (
            Offers({key: half.cells[key] for key in sorted(shared)}, whole.rows, DRAWS) for half in (one, other)
        )
        pairs += [(one, other), (other, one)]
    return pairs


def cheapest(half: Offers, costs: dict[str, CostLaw], target: float) -> dict[str, float]:
    """configuration -> the price at which it reaches an error within its runs; only those that do."""
    prices = {}
    for name in half.names:
        sizes = sizes_of(half.cells, name)
        if name in half.curves:
            law = half.curves[name].baseline_law.law
            there = [size for size in np.geomspace(sizes[0], sizes[-1], 200) if float(law.predict(size)) <= target]
        else:
            there = [size for size in sizes if half.cells[name, size].error <= target]
        if there:
            prices[name] = float(costs[name].total(min(there)))
    return prices


def excesses(pairs: list[tuple[Offers, Offers]], prices: Prices) -> tuple[list[float], list[float], list[float]]:
    """Over the other half's best: a choice's error for a budget, its price for an error, and the baseline's error."""
    of_error, of_price, of_baseline = [], [], []
    for ours, theirs in pairs:
        costs = theirs.costs(prices)
        spent = [float(costs[name].total(size)) for name, size in theirs.cells]
        for budget in np.geomspace(min(spent) * 2, max(spent), BUDGETS):
            (chosen,), (best,) = (frontier(half, prices, [float(budget)]) for half in (ours, theirs))
            least = max(best.error, 0.5 / theirs.cells[next(iter(theirs.cells))].tested)  # half an incorrect response
            of_error.append((float(theirs.errors(chosen.name, chosen.size)[0]) - best.error) / least)
            if sizes := theirs.affordable(BASELINE, costs[BASELINE], float(budget)):
                of_baseline.append((float(theirs.errors(BASELINE, sizes[-1])[0]) - best.error) / least)
        ends = [float(theirs.errors(BASELINE, size)[0]) for size in sizes_of(theirs.cells, BASELINE)]
        for target in np.geomspace(min(ends), max(ends), TARGETS + 2)[1:-1]:
            choice, known = cheapest(ours, costs, float(target)), cheapest(theirs, costs, float(target))
            if choice and known:
                name = min(choice, key=choice.__getitem__)
                of_price.append(known.get(name, np.inf) / min(known.values()) - 1)
    return of_error, of_price, of_baseline


def line(name: str, whole: Offers, split: str, count: int, prices: Prices) -> str:
    """A line of the table."""
    pairs = halves(whole, split, count, np.random.default_rng(0))
    of_error, of_price, of_baseline = excesses(pairs, prices)
    texts = []
    for values in (of_error, of_price):
        within = 100 * np.mean(np.array(values) <= WITHIN)
        middle, far = (100 * np.quantile(values, place, method="higher") for place in (0.5, 0.95))
        texts.append(f"{within:.0f} | {middle:.0f} | {far:.0f}")
    naive = 100 * np.mean(np.array(of_baseline) <= WITHIN)
    return f"| {name} | {split} | {prices.teacher:.2g} | {len(of_error)} | {' | '.join(texts)} | {naive:.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=6, help="of each kind (default %(default)s)")
    parser.add_argument("--study", action="append", metavar="FOLDER:ERROR", help="another study; repeatable")
    options = parser.parse_args()
    print(
        "| study | halves by | teacher | choices | error within 20 %, % | median, % | 95 %, % "
        "| price within 20 %, % | median, % | 95 %, % | baseline within 20 %, % |"
    )
    print("|" + " --- |" * 11)
    for study in options.study or STUDIES:
        folder, _, measure = study.rpartition(":")
        whole = offers(load(Path(folder)).measured_by(measure), DRAWS)
        crossed = crossings(whole, BASELINE, default_targets(whole.curves[BASELINE])[1])
        least = min(one.price for one in crossed if one.price)
        for split in SPLITS:
            for times in TEACHER:
                name = f"{Path(folder).name}, {measure}"
                print(line(name, whole, split, options.splits, Prices(times * least)), flush=True)


if __name__ == "__main__":
    main()
