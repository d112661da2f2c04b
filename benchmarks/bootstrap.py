"""Speed of the bootstrap: 1,000 refits of a curve of 7 sizes and 5 seeds, on one core.

    python -m benchmarks.bootstrap [--draws 1000] [--repeats 5]

Two parts, both in every interval of alpha: drawing the errors (1,000 test problems a run) and refitting each draw; by
the power law, and by the law with a floor. Seconds of this process, the least of the repeats beside their median.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from analysis.defaults import DRAWS
from analysis.fits.power import fit_draws
from analysis.fits.size_laws import size_shape
from analysis.fits.solving import refit_counts, solve_counts
from analysis.stats.bootstrap import resample
from benchmarks.coverage import BASELINE, PROBLEMS, Scenario

SCENARIO = Scenario(seeds=5, exponent=0.5, spread=0.06, sizes=7)


def seconds(work: Callable[[], object], repeats: int) -> str:
    """Least and median seconds of this process."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return f"{min(taken):.3f} s (median {median(taken):.3f} s)"


def main() -> None:
    """Print a line a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=DRAWS, help="refits (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="default %(default)s")
    options = parser.parse_args()
    sizes = np.array(SCENARIO.all_sizes(), dtype=float)
    cells = {key: cell for key, cell in SCENARIO.sweep(np.random.default_rng(0)).items() if key[0] == BASELINE}
    tested = np.array([cell.tested for cell in cells.values()], dtype=float)
    wrong = np.array([cell.wrong.sum() for cell in cells.values()], dtype=float)
    drawn = np.stack(list(resample(cells, options.draws).resampled.values()), axis=1)
    floor = solve_counts(size_shape("floor", sizes), wrong, tested)
    parts: dict[str, Callable[[], object]] = {
        "drawing the errors": lambda: resample(cells, options.draws),
        "refits, power law": lambda: fit_draws(sizes, drawn, tested),
        "refits, law with a floor": lambda: refit_counts(floor, drawn * tested, tested),
    }
    print(f"{options.draws:,} draws of {len(sizes)} sizes, {SCENARIO.seeds} seeds, {PROBLEMS:,} problems")
    for name, work in parts.items():
        print(f"{name:<26}{seconds(work, options.repeats)}")


if __name__ == "__main__":
    main()
