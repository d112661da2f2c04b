"""Coverage of the 95 % intervals: whole sweeps simulated from known laws and analysed like any other.

    python -m benchmarks.coverage [--sweeps 500] [--draws 1000] [--only TEXT]
    python -m benchmarks.coverage --like results/maze    # what the simulation takes from real rows

A sweep has a baseline and a method at every N, each run on 1,000 test problems. A run gets a problem wrong where a
normal number falls below a threshold; the number is the sum of the problem's own hardness (shared by all runs), of what
the problem means to this seed (shared by its sizes and methods), of what it means to this run (shared by the run's
samples, where there are several) and of chance. So the expected error of a run is its
rate exactly, whatever the shares are. The rate is the law's error times a lognormal factor of the seed with mean 1, so
that the expected error is the law's exactly, and A, alpha and M(N) are known in closed form. The shares, and the
spread where it is not 0, are about those of results/maze.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.special import ndtr

from analysis.arrays import Floats
from analysis.data.cells import Cell, SizeKey, size_cells
from analysis.data.results import load
from analysis.defaults import DRAWS
from analysis.fits.laws import PowerLaw
from analysis.stats.bootstrap import percentile_interval, resample
from analysis.stats.overdispersion import overdispersion
from analysis.study.curves import fit_curve
from analysis.study.differences import difference
from analysis.study.mean_multipliers import summarise
from analysis.study.multipliers import read_multipliers

PROBLEMS = 1000
FIRST, ERROR = 100, 0.5  # the smallest N, and the baseline's expected error there
BASELINE, METHOD = "sft", "method"


@dataclass(frozen=True)
class Scenario:
    """A law and how runs scatter about it.

    Attributes:
        seeds, sizes: how many; N doubles from `FIRST` on.
        exponent: alpha of the baseline, or beta where its curve begins flat.
        spread: standard deviation of a seed's log error rate about the law.
        gain, growth: the method's error at N is the baseline's at gain * (N / FIRST) ** growth * N.
        together: share of the spread's variance that a seed has in common over all sizes and methods.
        hardness, taste: shares of the variance behind an answer that belong to its problem, and to its problem
            and seed.
        samples: responses of a run to a problem, whose mean is its answer: 1 for greedy ones.
        policy: share of the variance that belongs to a problem and a run, and so to all of its samples.
        flat: what having no data is worth, in units of `FIRST` ** exponent: above 0 the law is the rectified one.
    """

    seeds: int
    exponent: float
    spread: float
    sizes: int = 7
    gain: float = 2.0
    growth: float = 0.0
    together: float = 0.0
    hardness: float = 0.2
    taste: float = 0.3
    samples: int = 1
    policy: float = 0.0
    flat: float = 0.0
    note: str = ""

    def all_sizes(self) -> list[int]:
        """The N of both labels."""
        return [FIRST * 2**place for place in range(self.sizes)]

    def multiplier(self, size: int) -> float:
        """The method's true M(N)."""
        return self.gain * (size / FIRST) ** self.growth

    def error(self, label: str, size: int) -> float:
        """Expected error."""
        worth = self.multiplier(size) if label == METHOD else 1.0
        return float(ERROR * (self.flat + 1) / (self.flat + (worth * size / FIRST) ** self.exponent))

    def sweep(self, rng: np.random.Generator) -> dict[SizeKey, Cell]:
        """One sweep."""
        problem = rng.standard_normal(PROBLEMS)
        problem_and_seed = rng.standard_normal((self.seeds, PROBLEMS))
        common = rng.standard_normal(self.seeds)
        cells = {}
        for label in (BASELINE, METHOD):
            for size in self.all_sizes():
                selected = rng.standard_normal(self.seeds)
                normal = np.sqrt(self.together) * common + np.sqrt(1 - self.together) * selected
                rates = self.error(label, size) * np.exp(self.spread * normal - self.spread**2 / 2)
                answer = np.sqrt(self.hardness) * problem + np.sqrt(self.taste) * problem_and_seed
                if self.policy:
                    answer = answer + np.sqrt(self.policy) * rng.standard_normal((self.seeds, PROBLEMS))
                chance = rng.standard_normal((self.samples, self.seeds, PROBLEMS))
                answer = answer + np.sqrt(1 - self.hardness - self.taste - self.policy) * chance
                wrong = (ndtr(answer) < rates[:, None]).mean(axis=0)
                cells[label, size] = Cell(tuple(range(self.seeds)), wrong, self.samples)
        return cells


FACTORIAL = [
    Scenario(seeds, exponent, spread) for exponent in (0.15, 0.9) for spread in (0.0, 0.06, 0.12) for seeds in (3, 5)
]
OTHERS = [
    Scenario(3, 0.9, 0.06, sizes=5, note="5 sizes"),
    Scenario(5, 0.9, 0.06, sizes=5, note="5 sizes"),
    Scenario(3, 0.9, 0.06, hardness=0.6, taste=0.2, note="problems differ more"),
    Scenario(5, 0.9, 0.06, hardness=0.0, taste=0.0, note="problems do not differ"),
    Scenario(3, 0.9, 0.06, together=0.3, note="seeds act partly together"),
    Scenario(3, 0.9, 0.12, together=1.0, note="seeds act together"),
    Scenario(5, 0.9, 0.12, together=1.0, note="seeds act together"),
    Scenario(5, 0.9, 0.06, gain=1.5, growth=0.2, note="M grows with N"),
    Scenario(2, 0.9, 0.06, note="two seeds"),
    Scenario(2, 0.5, 0.06, sizes=4, note="two seeds, 4 sizes"),
    Scenario(3, 1.3, 0.06, flat=2.0, note="begins flat"),
    Scenario(5, 1.3, 0.06, flat=2.0, note="begins flat"),
    *(
        Scenario(3, exponent, 0.06, hardness=shares[0], taste=shares[1], policy=shares[2], samples=samples, note=note)
        for exponent in (0.25, 0.9)
        for samples, shares, note in (
            (4, (0.03, 0.03, 0.03), "4 samples, nearly independent"),
            (4, (0.2, 0.3, 0.2), "4 samples, alike"),
            (16, (0.2, 0.3, 0.2), "16 samples, alike"),
        )
    ),
]


@dataclass(frozen=True)
class Seen:
    """Whether the intervals of one sweep hold the truth, and how wide they are.

    Attributes:
        alpha, multiplier, mean, paired: of the baseline's exponent, of M(N) at a middle N, of the geometric mean of
            M(N) (None where there is none), and of the difference of error at that N.
        alpha_width: high - low. multiplier_width: high / low, open ends at the end of the baseline's runs.
        trend: whether M(N) is said to change with N.
        misses: whether the baseline's law is said to miss any of its points.
        bent: whether a bent law is preferred to the power law.
    """

    alpha: bool
    alpha_width: float
    multiplier: bool
    multiplier_width: float
    mean: bool | None
    paired: bool
    trend: bool
    misses: bool
    bent: bool


def analyse(scenario: Scenario, seed: int, draws: int) -> Seen:
    """One sweep, simulated and analysed."""
    cells = scenario.sweep(np.random.default_rng([seed, 1]))
    drawn = resample(cells, draws, seed)
    curve = fit_curve(cells, drawn, BASELINE)
    baseline_law = curve.baseline_law
    low, high = percentile_interval(baseline_law.exponents) if scenario.flat else curve.exponent_interval()
    actual = read_multipliers(drawn, baseline_law, {key: float(key[1]) for key in cells})
    size = scenario.all_sizes()[scenario.sizes // 2 - 1]
    (one,) = (one for one in actual if one.size == size)
    truth = scenario.multiplier(size)
    summaries = summarise(drawn, baseline_law, {key: float(key[1]) for key in cells}, actual)
    mean, trend = None, False
    if summaries:
        (summary,) = summaries
        logs = [np.log(scenario.multiplier(n)) for n in summary.sizes]
        mean = _holds(summary.low, summary.high, summary.low_open, summary.high_open, float(np.exp(np.mean(logs))))
        trend = summary.verdict in ("grows", "shrinks")
    apart = difference(drawn, (METHOD, size), (BASELINE, size))
    expected = scenario.error(METHOD, size) - scenario.error(BASELINE, size)
    return Seen(
        low <= scenario.exponent <= high,
        high - low,
        _holds(one.low, one.high, one.low_open, one.high_open, truth),
        one.high / one.low,
        mean,
        apart.low <= expected <= apart.high,
        trend,
        bool(baseline_law.misses(curve.resampled)),
        not isinstance(baseline_law.law, PowerLaw),
    )


def _holds(low: float, high: float, low_open: bool, high_open: bool, truth: float) -> bool:
    return (low_open or low <= truth) and (high_open or truth <= high)


def table(sweeps: int, draws: int, only: str) -> Iterator[str]:
    """The lines of a Markdown table, each when it is known."""
    columns = ["seeds", "sizes", "alpha", "spread", "", "alpha", "width", "M(N)", "high / low", "mean M", "difference"]
    columns += ["M changes", "law misses", "law bends"]
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for scenario in FACTORIAL + OTHERS:
        setting = f"| {scenario.seeds} | {scenario.sizes} | {scenario.exponent} | {scenario.spread} | {scenario.note} "
        if only not in setting:
            continue
        seen = [analyse(scenario, seed, draws) for seed in range(sweeps)]
        means = [one.mean for one in seen if one.mean is not None]
        ratio = np.exp(np.mean([np.log(one.multiplier_width) for one in seen]))
        yield setting + (
            f"| {_share([one.alpha for one in seen])} | {np.mean([one.alpha_width for one in seen]):.3f} "
            f"| {_share([one.multiplier for one in seen])} | {ratio:.2f} | {_share(means)} "
            f"| {_share([one.paired for one in seen])} | {_share([one.trend for one in seen])} "
            f"| {_share([one.misses for one in seen])} | {_share([one.bent for one in seen])} |"
        )


def _share(hits: list[bool]) -> str:
    return f"{100 * np.mean(hits):.1f}" if hits else "-"


def likeness(cells: Mapping[SizeKey, Cell]) -> Iterator[str]:
    """The simulation's inputs from real rows: correlations of answers and of seeds, and the spread of the seeds."""
    answers: dict[str, list[float]] = {"other seed, same cell": [], "same seed, other label": []}
    products, squares = 0.0, 0.0
    for (one, other), (first, second) in zip(combinations(cells, 2), combinations(cells.values(), 2), strict=True):
        deviations = [_deviations(cell) for cell in (first, second)]
        if first.seeds == second.seeds:
            products += float(deviations[0] @ deviations[1])
            squares += float(np.sqrt((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum()))
            if one[1] == other[1]:
                alike = [float(np.corrcoef(*pair)[0, 1]) for pair in zip(first.wrong, second.wrong, strict=True)]
                answers["same seed, other label"] += alike
    for cell in cells.values():
        answers["other seed, same cell"] += [float(np.corrcoef(*pair)[0, 1]) for pair in combinations(cell.wrong, 2)]
    for name, actual in answers.items():
        yield f"answers to a problem, {name}: correlation {np.mean(actual):.2f}"
    yield f"deviations of seeds, other cell: correlation {products / squares:.2f}"
    spread = overdispersion(cells.values())
    yield f"variance of seeds over chance {spread.ratio:.2f}, relative standard deviation {spread.relative_sd:.3f}"


def _deviations(cell: Cell) -> Floats:
    """(S,) in units of chance."""
    by_seed = cell.wrong.mean(axis=1)
    return np.asarray((by_seed - by_seed.mean()) / np.sqrt(max(cell.error * (1 - cell.error), 1e-12)))


def main() -> None:
    """Print the table, or what real rows are like."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=500, help="simulated a scenario (default %(default)s)")
    parser.add_argument("--draws", type=int, default=DRAWS, help="bootstrap draws a sweep (default %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only scenarios whose line holds this text")
    parser.add_argument("--like", type=Path, metavar="RESULTS", help="tell of these rows instead")
    options = parser.parse_args()
    if options.like:
        print("\n".join(likeness(size_cells(load(options.like)))))
        return
    for line in table(options.sweeps, options.draws, options.only):
        print(line, flush=True)


if __name__ == "__main__":
    main()
