"""Is an effect that `power` calls resolvable found in 80 % of sweeps? Earlier studies and sweeps are simulated.

    python -m benchmarks.power [--sweeps 200] [--draws 300]

For each of twelve earlier studies (5 sizes, the scenarios of `benchmarks.coverage`, here with alpha 0.5) the smallest
gain of the middle N is read for another number of seeds. Sweeps with a method of that gain are then simulated and
analysed like any other. Shown are the true standard deviation of a seed's log error, the seeds of the earlier study and
of the sweep, the median gain in points over the earlier studies, the share of sweeps whose paired interval excludes 0,
and the share among sweeps without a gain.
"""

from __future__ import annotations

import argparse
import math
import os
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from analysis.planner.power import paired_noise
from analysis.stats.bootstrap import resample
from analysis.study.differences import difference
from benchmarks.coverage import BASELINE, METHOD, PROBLEMS, Scenario

EARLIER = 12
EXPONENT = 0.5


def found(scenario: Scenario, seed: int, draws: int) -> bool:
    """Whether the interval of the difference at the middle N of a simulated sweep excludes 0."""
    size = scenario.all_sizes()[scenario.sizes // 2]
    cells = scenario.sweep(np.random.default_rng([seed, 7]))
    apart = difference(resample(cells, draws, seed), (METHOD, size), (BASELINE, size))
    return apart.low > 0 or apart.high < 0


def line(spread: float, before: int, seeds: int, sweeps: int, draws: int) -> str:
    """A line of the table."""
    earlier = Scenario(before, EXPONENT, spread, sizes=5, gain=1.3)
    planned = replace(earlier, seeds=seeds, gain=1.0)
    error = planned.error(BASELINE, planned.all_sizes()[planned.sizes // 2])
    ratios = []
    for number in range(EARLIER):
        noise = paired_noise(earlier.sweep(np.random.default_rng([number, 3])), BASELINE, [METHOD])
        ratios.append(noise.smallest(error, seeds, PROBLEMS))
    hits = []
    for number in range(sweeps):
        gain = math.exp(ratios[number % EARLIER] / EXPONENT)
        hits.append(found(replace(planned, gain=gain), number, draws))
    false = [found(planned, number, draws) for number in range(sweeps)]
    points = 100 * error * -math.expm1(-float(np.median(ratios)))
    return f"| {spread} | {before} | {seeds} | {points:.2f} | {100 * np.mean(hits):.0f} | {100 * np.mean(false):.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=200, help="of each line (default %(default)s)")
    parser.add_argument("--draws", type=int, default=300, help="bootstrap draws (default %(default)s)")
    options = parser.parse_args()
    print("| spread | seeds before | seeds | gain in points | found, % | found without a gain, % |")
    print("| --- | --- | --- | --- | --- | --- |")
    for spread in (0.0, 0.06, 0.12):
        for before, seeds in ((3, 3), (3, 5), (5, 3)):
            print(line(spread, before, seeds, options.sweeps, options.draws), flush=True)


if __name__ == "__main__":
    main()
