"""Every law: planted parameters from exact values, and the time of a fit and of 1,000 refits.

    python -m benchmarks.law_fits [--draws 1000] [--only TEXT]

Sixteen sizes, or a grid of 6 x 5 positives and negatives, without noise for the parameters and with 3 % for the times,
each by least squares of logs and by Huber's loss (delta 0.001). Shown are the digits to which the worst parameter
agrees, and seconds of one core. For laws with two breaks the last columns compare refits of limited length with full
ones, where both breaks are identified (noise of 0.5 %) and where they are not (3 %): the ratio of the standard
deviations of the prediction at the largest size.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from analysis.arrays import Floats
from analysis.defaults import HUBER_DELTA
from analysis.fits.broken_laws import BrokenFloorLaw, BrokenLaw, TwiceBrokenFloorLaw, TwiceBrokenLaw
from analysis.fits.fit import parameters
from analysis.fits.joint import fit_joint_values, joint_value_draws
from analysis.fits.joint_laws import (
    JOINT_LAW_NAMES,
    AdditiveLaw,
    EffectiveLaw,
    MultiplicativeLaw,
    RepeatedLaw,
    SaturatingLaw,
)
from analysis.fits.laws import FloorLaw, PowerLaw, RectifiedLaw, SigmoidLaw, TurningLaw
from analysis.fits.size_laws import size_shape
from analysis.fits.solving import draw_values, solve_values
from analysis.fits.values import fit_values, value_draws

SIZES = np.geomspace(100, 1e5, 16)
POSITIVES, EACH = (axis.ravel() for axis in np.meshgrid(100.0 * 2 ** np.arange(6), [0.25, 0.5, 1, 4, 16]))
PLANTED: dict[str, Any] = {
    "power": PowerLaw(4, 0.4),
    "floor": FloorLaw(0.05, 4, 0.4),
    "rectified": RectifiedLaw(0.05, 900, 1000, 1.1),
    "turning": TurningLaw(4, 0.5, 0.002, 0.3),
    "sigmoid": SigmoidLaw(0.05, 0.9, 3000, 1.3),
    "broken": BrokenLaw(3, 0.1, 2000, 0.6, 0.4),
    "broken-floor": BrokenFloorLaw(0.05, 1, 0.1, 2000, 1.2, 0.4),
    "twice-broken": TwiceBrokenLaw(3, 0.1, 600, 0.6, 0.3, 12000, -0.4, 0.3),
    "twice-broken-floor": TwiceBrokenFloorLaw(0.05, 3, 0.05, 600, 0.9, 0.3, 12000, -0.5, 0.3),
    "effective": EffectiveLaw(0.05, 4, 0.4, 0.3),
    "additive": AdditiveLaw(0.05, 4, 0.5, 2, 0.4),
    "multiplicative": MultiplicativeLaw(0.05, 4, 0.3, 0.2),
    "saturating": SaturatingLaw(0.05, 4, 0.4, 0.6, 3),
    "repeated": RepeatedLaw(0.05, 4, 0.4, 5),
}


def data(law: str, noise: float) -> tuple[tuple[Floats, ...], Floats]:
    """The sizes and the values of a planted law with lognormal noise."""
    planted = PLANTED[law]
    sizes = (POSITIVES, EACH * POSITIVES) if law in JOINT_LAW_NAMES else (SIZES,)
    values = planted.predict(*sizes)
    return sizes, values * np.exp(noise * np.random.default_rng(0).standard_normal(len(values)))


def digits(law: Any, delta: float) -> float:
    """The digits of the worst parameter, at most 15."""
    sizes, values = data(law, 0.0)
    fit: Any = (
        fit_values(law, *sizes, values, delta)
        if len(sizes) == 1
        else fit_joint_values(law, *sizes, values, True, delta)
    )
    off = max(abs(fit.parameters[name] / value - 1) for name, value in parameters(PLANTED[law]).items())
    return min(15.0, -math.log10(max(off, 1e-15)))


def seconds(law: Any, delta: float, draws: int) -> tuple[float, float]:
    """Seconds of a fit, and of refits to `draws` samples without it."""
    sizes, values = data(law, 0.03)
    joint = len(sizes) > 1
    fitted = _timed(
        lambda: fit_joint_values(law, *sizes, values, True, delta) if joint else fit_values(law, *sizes, values, delta)
    )
    drawn = _timed(
        lambda: (
            joint_value_draws(law, *sizes, values, True, delta, draws)
            if joint
            else value_draws(law, *sizes, values, delta, draws)
        )
    )
    return fitted, drawn - fitted


def limited(law: Any, noise: float, draws: int = 200) -> float:
    """The standard deviation of the largest size's log prediction by limited refits over that by full ones."""
    (sizes,), values = data(law, noise)
    solution = solve_values(size_shape(law, sizes), values, math.inf)
    spreads = []
    for steps in (solution.shape.refit_steps, 500):
        solution.shape.refit_steps = steps
        drawn = draw_values(solution, math.inf, draws, 0)
        with np.errstate(all="ignore"):
            spreads.append(float(np.std([math.log(type(PLANTED[law])(*row).predict(sizes[-1])) for row in drawn])))
    return spreads[0] / spreads[1]


def _timed(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000, help="refits (default %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only laws whose name holds this text")
    options = parser.parse_args()
    print("| law | loss | digits | s a fit | s the refits | limited refits, 0.5 % | 3 % |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for law in (name for name in PLANTED if options.only in name):
        for delta, loss in ((math.inf, "squares"), (HUBER_DELTA, "Huber")):
            fitted, drawn = seconds(law, delta, options.draws)
            ratios = ["-", "-"]
            if law.startswith("twice") and loss == "squares":
                ratios = [f"{limited(law, noise):.2f}" for noise in (0.005, 0.03)]
            print(
                f"| {law} | {loss} | {digits(law, delta):.0f} | {fitted:.2f} | {drawn:.2f} | {' | '.join(ratios)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
