"""A claim and its verdict, which follows from where the interval lies and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from analysis.defaults import LEVEL
from analysis.stats.estimates import Estimate, Sample, estimate, more_data, narrowing
from analysis.stats.variance import Statistic

MAIN_SWEEP, ABLATIONS = "sweeps/maze_full.yaml", "sweeps/maze_ablations.yaml"
Verdict = Literal["holds", "contradicted", "not resolved", "not run"]


@dataclass(frozen=True)
class Claim:
    """One line of the ledger.

    Attributes:
        claim: what is claimed.
        verdict: what the rows say to it.
        estimate, low, high: with its 95 % interval, in `unit`; None where it was not run, and where an end is open.
        figure: the figure that it is seen in.
        needed: what would resolve it, or the sweep that would fill it; empty where it is resolved.
        note: the range it was seen on and the single points.
        rule: how the verdict follows from the interval.
        task: the task of the rows.
    """

    claim: str
    verdict: Verdict
    estimate: float | None
    low: float | None
    high: float | None
    unit: str
    figure: str
    needed: str
    note: str
    rule: str
    task: str

    def estimate_text(self) -> str:
        """E.g. "1.96x [1.79, 2.18]", "-12.3 % [-17.0, open]", or "-"."""
        if self.estimate is None:
            return "-"
        digits = {"points": 1, "%": 1}.get(self.unit, 2)
        low, high = ("open" if end is None else f"{end:.{digits}f}" for end in (self.low, self.high))
        unit = {"": "", "exponent": "", "x": "x"}.get(self.unit, f" {self.unit}")
        return f"{self.estimate:.{digits}f}{unit} [{low}, {high}]"


@dataclass(frozen=True)
class Rule:
    """Cuts of the line into regions: an interval inside one region has its verdict, any other is not resolved.

    Attributes:
        text: the rule in words.
        cuts: (C,) ascending, on the statistic's own scale.
        verdicts: (C + 1,) of the regions, from low to high.
    """

    text: str
    cuts: tuple[float, ...]
    verdicts: tuple[Verdict, ...]

    def judge(self, found: Estimate) -> Verdict:
        """The verdict on an interval; touching a cut is not enough."""
        first = int(np.searchsorted(self.cuts, found.low, side="left"))
        last = int(np.searchsorted(self.cuts, found.high, side="right"))
        return self.verdicts[first] if first == last else "not resolved"


@dataclass(frozen=True)
class Scale:
    """How a statistic is shown: its unit, and the function from its own scale (often a logarithm) to that unit."""

    unit: str
    show: Callable[[float], float]


PLAIN = Scale("", float)
FACTOR = Scale("x", lambda log_ratio: float(np.exp(log_ratio)))
CHANGE = Scale("%", lambda log_ratio: float(100 * np.expm1(log_ratio)))
POINTS = Scale("points", lambda difference: 100 * difference)


@dataclass(frozen=True)
class Question:
    """What is asked of the rows: a claim, where it is seen, the rule of its verdict, and the sweep that answers it.

    `sweep` says what it runs, `file` where it is written down.
    """

    claim: str
    figure: str
    scale: Scale
    rule: Rule
    sweep: str
    file: str = MAIN_SWEEP

    def not_run(self, task: str) -> Claim:
        """The answer where the rows are missing."""
        return self._claim(task, "not run", None, f"to be run: {self.sweep}; {self.file} does it", "")

    def answer(
        self,
        task: str,
        sample: Sample,
        keys: Collection[Any],
        statistic: Statistic,
        note: str = "",
        level: float = LEVEL,
    ) -> Claim:
        """The answer from a bootstrap; `keys` are the cells that the statistic looks at.

        With a single seed in any of them nothing is resolved. `level` is above 95 % where the statistic was picked
        among several, so that all of them hold at 95 % together.
        """
        found = estimate(statistic, sample.drawn, level)
        verdict = self.rule.judge(found) if sample.fewest_seeds(keys) > 1 else "not resolved"
        needed = ""
        if verdict == "not resolved":
            needed = more_data(narrowing(found, self.rule.cuts), sample, keys, statistic)
        return self._claim(task, verdict, found, needed, note)

    def settled(self, task: str, found: Estimate, needed: str, note: str, least: bool = True) -> Claim:
        """The answer from an interval that was made elsewhere; unless `least` is met nothing is resolved."""
        verdict = self.rule.judge(found) if least else "not resolved"
        return self._claim(task, verdict, found, needed if verdict == "not resolved" else "", note)

    def _claim(self, task: str, verdict: Verdict, found: Estimate | None, needed: str, note: str) -> Claim:
        value, low, high = (None,) * 3 if found is None else map(self._shown, (found.value, found.low, found.high))
        unit, rule = self.scale.unit, self.rule.text
        return Claim(self.claim, verdict, value, low, high, unit, self.figure, needed, note, rule, task)

    def _shown(self, value: float) -> float | None:
        return self.scale.show(value) if math.isfinite(value) else None
