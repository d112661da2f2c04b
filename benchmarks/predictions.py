"""Predictions beyond the largest size: coverage of their intervals, and their error against single laws'.

    python -m benchmarks.predictions [--curves 40] [--seed 1] [--only FAMILY] [--data FLAN.csv]

Simulated curves have 12 sizes, doubling from 100, with lognormal noise of 1 to 6 %; the first 7 are fitted and the
other 5 predicted. Parameters are drawn at random: exponents from 0.15 to 0.8; floors up to 80 % of the curve's value at
its largest size; bends, breaks and turns within the fitted sizes. FLAN: 30 models (arXiv 2402.02314), the first 9 sizes
fitted, the other 5 predicted. Shown are the coverage of the 95 % intervals of the later points (in brackets one
standard error over curves), the mean width of log intervals, and the root mean square of log errors, averaged over
curves, of the stacked prediction and of each single predictor.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from analysis.arrays import Floats
from analysis.fits.broken_laws import BrokenLaw
from analysis.fits.laws import FloorLaw, PowerLaw, RectifiedLaw, TurningLaw
from analysis.fits.prediction import LAST, PREDICTORS, RECENT, SPLINE, predict_values
from benchmarks.fits import DATA, curves

SIZES = 100.0 * 2 ** np.arange(12)
FITTED = 7
FLAN_FITTED = 9
SINGLE = (LAST, RECENT, SPLINE, *PREDICTORS)


def random_law(family: str, rng: np.random.Generator) -> Any:
    """A law of a family with random parameters, 1 at the smallest size or near it."""
    exponent = float(rng.uniform(0.15, 0.8))
    power = PowerLaw(SIZES[0] ** exponent, exponent)
    last = float(power.predict(SIZES[-1]))
    bend = float(np.exp(rng.uniform(np.log(SIZES[1]), np.log(SIZES[FITTED - 2]))))
    if family == "power":
        return power
    if family == "floor":
        share = float(rng.uniform(0.1, 0.8))
        return FloorLaw(share / (1 - share) * last, power.amplitude, exponent)
    if family == "rectified":
        exponent = float(rng.uniform(0.4, 1.5))
        prelearned = bend**exponent
        end = 1 / (1 + (SIZES[-1] / bend) ** exponent)
        return RectifiedLaw(float(rng.uniform(0.0, 1.0)) * end, prelearned, prelearned, exponent)
    if family == "turning":
        rise = float(rng.uniform(0.05, 0.4))
        turn = float(np.exp(rng.uniform(np.log(SIZES[3]), np.log(SIZES[FITTED - 1]))))
        return TurningLaw(
            power.amplitude, exponent, power.amplitude * exponent / rise * turn ** -(exponent + rise), rise
        )
    after = float(rng.uniform(0.05, 0.9))
    return BrokenLaw(power.amplitude, exponent, bend, after - exponent, float(rng.uniform(0.1, 1.0)))


def simulated(family: str, count: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Sizes and noisy values of `count` curves."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        noise = float(np.exp(rng.uniform(np.log(0.01), np.log(0.06))))
        yield SIZES, random_law(family, rng).predict(SIZES) * np.exp(noise * rng.standard_normal(len(SIZES)))


def scores(sizes: Floats, values: Floats, fitted: int) -> dict[str, float]:
    """Coverage of the later points, width of log intervals, and log-RMSE of every predictor."""
    result = predict_values(sizes[:fitted], values[:fitted], sizes[fitted:])
    later = values[fitted:]

    def rmse(predicted: Floats) -> float:
        return float(np.sqrt(np.mean(np.log(predicted / later) ** 2)))

    return {
        "covered": float(np.mean((result.low <= later) & (later <= result.high))),
        "width": float(np.mean(np.log(result.high / result.low))),
        "stacked": rmse(result.centre),
        **{name: rmse(result.single.get(name, np.full(len(later), values[fitted - 1]))) for name in SINGLE},
    }


def line(name: str, rows: list[dict[str, float]]) -> str:
    """A line of the table."""
    means = {column: float(np.mean([row[column] for row in rows])) for column in rows[0]}
    error = float(np.std([row["covered"] for row in rows]) / np.sqrt(len(rows)))
    errors = " | ".join(f"{means[column]:.3f}" for column in ("stacked", *SINGLE))
    return f"| {name} | {100 * means['covered']:.1f} ({100 * error:.1f}) | {means['width']:.2f} | {errors} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, default=40, help="of each family (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="FAMILY")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    print(f"| curves | covered in % | width | stacked | {' | '.join(SINGLE)} |")
    print("| --- " * (4 + len(SINGLE)) + "|")
    every = []
    for family in PREDICTORS:
        if options.only in family:
            rows = [scores(*curve, FITTED) for curve in simulated(family, options.curves, options.seed)]
            every += rows
            print(line(family, rows), flush=True)
    if every:
        print(line("all simulated", every), flush=True)
    if options.data.exists() and options.only in "FLAN":
        sizes, losses = curves(options.data)
        print(line("FLAN", [scores(sizes, values, FLAN_FITTED) for values in losses]), flush=True)


if __name__ == "__main__":
    main()
