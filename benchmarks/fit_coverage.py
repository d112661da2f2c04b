"""Coverage of the 95 % intervals of `fit` and `fit-joint`, on tables simulated from known laws.

    python -m benchmarks.fit_coverage [--tables 200] [--draws 400] [--only TEXT]

Values follow a law times lognormal noise of four kinds: of one size; growing with N (heteroscedastic); Student's t with
2 degrees of freedom (heavy tails); and a smooth deviation from the law beside little noise (misfit), where the truth is
what the loss has as its minimum over that noise: the fit to many noisy tables at once. Shown is the coverage, in
percent, of each parameter, of the prediction in the middle of the range, and of that at twice the largest size.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from analysis.arrays import Floats
from analysis.defaults import HUBER_DELTA
from analysis.fits.joint import fit_joint_values, joint_value_draws
from analysis.fits.joint_laws import AdditiveLaw, EffectiveLaw
from analysis.fits.laws import FloorLaw, PowerLaw
from analysis.fits.values import fit_values, value_draws
from analysis.report.fits import parameter_intervals

NOISE = 0.05  # standard deviation of log values
MANY = 24_000  # points of the fit that is the truth under misfit
KINDS = ("one size", "grows with N", "heavy tails", "misfit")
LAWS: dict[str, Any] = {
    "power": PowerLaw(4.0, 0.4),
    "floor": FloorLaw(0.5, 10.0, 0.5),
    "effective": EffectiveLaw(0.0, 4.0, 0.4, 0.5),
    "additive": AdditiveLaw(0.0, 4.0, 0.5, 2.0, 0.4),
}


@dataclass(frozen=True)
class Case:
    """A law, K points, a kind of noise and the delta of Huber's loss."""

    law: str
    points: int
    kind: str
    delta: float

    @property
    def joint(self) -> bool:
        """Whether the law has two sizes."""
        return self.law in ("effective", "additive")

    def sizes(self) -> tuple[Floats, ...]:
        """The sizes N (K,), or P and M (K,) each on a grid as square as K allows."""
        if not self.joint:
            return (np.geomspace(100, 100 * 2 ** min(self.points, 10), self.points),)
        side = math.ceil(math.sqrt(self.points))
        grid = np.meshgrid(np.geomspace(100, 6400, side), np.geomspace(100, 6400, side))
        order = np.random.default_rng(0).permutation(side**2)[: self.points]
        return tuple(axis.ravel()[order] for axis in grid)

    def noise(self, rng: np.random.Generator) -> Floats:
        """(K,) noise of log values, without the misfit itself."""
        place = self.places()
        if self.kind == "heavy tails":
            return np.asarray(NOISE / 1.5 * rng.standard_t(2, self.points))
        scale = {"one size": 1.0, "grows with N": 0.3 + 1.7 * place, "misfit": 0.5}[self.kind]
        return np.asarray(NOISE * scale * rng.standard_normal(self.points))

    def places(self) -> Floats:
        """(K,) the place of each point in the range of its (first) size, 0 to 1."""
        logs = np.log(self.sizes()[0])
        return np.asarray((logs - logs.min()) / np.ptp(logs))

    def values(self) -> Floats:
        """(K,) without noise, but with the misfit."""
        bend = 0.05 * np.sin(2 * np.pi * self.places()) if self.kind == "misfit" else 0.0
        return np.asarray(LAWS[self.law].predict(*self.sizes()) * np.exp(bend))

    def fit(self, values: Floats, tables: int = 1) -> Any:
        """The law fitted to the `values` of so many tables, one after the other."""
        law: Any = self.law
        sizes = [np.tile(size, tables) for size in self.sizes()]
        if self.joint:
            return fit_joint_values(law, *sizes, values, floor=False, delta=self.delta).law
        return fit_values(law, *sizes, values, self.delta).law

    def draws(self, values: Floats, count: int, seed: int) -> Floats:
        """(B, P) parameters of the bootstrap."""
        law: Any = self.law
        if self.joint:
            return joint_value_draws(law, *self.sizes(), values, floor=False, delta=self.delta, draws=count, seed=seed)
        return value_draws(law, *self.sizes(), values, self.delta, count, seed)

    def numbers(self, law: Any) -> dict[str, Any]:
        """The quantities to cover: a law's parameters, and logs of its predictions; arrays (B,) for B laws."""
        sizes = self.sizes()
        at = {"middle": [np.sqrt(n.min() * n.max()) for n in sizes], "twice": [2 * n.max() for n in sizes]}
        with np.errstate(divide="ignore", invalid="ignore"):
            predicted = {name: np.log(law.predict(*where)) for name, where in at.items()}
        return {name: value for name, value in vars(law).items() if not (self.joint and name == "floor")} | predicted

    def hits(self, seed: int, draws: int) -> dict[str, bool]:
        """Whether each interval of one simulated table holds the truth."""
        rng = np.random.default_rng([seed, self.points])
        values = self.values() * np.exp(self.noise(rng))
        truth = true_numbers(self)
        fitted = self.fit(values)
        drawn = self.numbers(type(fitted)(*self.draws(values, draws, seed).T))
        ends = parameter_intervals(self.numbers(fitted), np.column_stack(list(drawn.values())))
        return {name: ends[name][0] <= value <= ends[name][1] for name, value in truth.items()}


@functools.cache
def true_numbers(case: Case) -> dict[str, Any]:
    """The true quantities; with misfit those of the fit to many tables.

    That is not the fit to the values without noise, unless the loss is the square: noise moves the minimum of others.
    """
    if case.kind != "misfit":
        return case.numbers(LAWS[case.law])
    rng, tables = np.random.default_rng(case.points), max(1, MANY // case.points)
    values = np.concatenate([case.values() * np.exp(case.noise(rng)) for _ in range(tables)])
    return case.numbers(case.fit(values, tables))


def cases() -> Iterator[Case]:
    """Every combination: from one point more than parameters, or 4, to 240."""
    for law, counts in {
        "power": (4, 8, 30, 240),
        "floor": (4, 8, 30, 240),
        "effective": (4, 9, 30, 240),
        "additive": (5, 9, 30, 240),
    }.items():
        for points in counts:
            for kind in KINDS:
                for delta in (HUBER_DELTA, math.inf):
                    yield Case(law, points, kind, delta)


def table(tables: int, draws: int, only: str) -> Iterator[str]:
    """The lines of a Markdown table, each as soon as it is known."""
    yield "| law | points | noise | delta | coverage in % |"
    yield "| --- | --- | --- | --- | --- |"
    for case in cases():
        setting = f"| {case.law} | {case.points} | {case.kind} | {case.delta:g} "
        if only not in setting:
            continue
        hits = [case.hits(seed, draws) for seed in range(tables)]
        shares = {name: 100 * float(np.mean([hit[name] for hit in hits])) for name in hits[0]}
        yield setting + "| " + ", ".join(f"{name} {share:.1f}" for name, share in shares.items()) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=200, help="simulated per case (default %(default)s)")
    parser.add_argument("--draws", type=int, default=400, help="bootstrap draws per table (default %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose line holds this text")
    options = parser.parse_args()
    for line in table(options.tables, options.draws, options.only):
        print(line, flush=True)


if __name__ == "__main__":
    main()
