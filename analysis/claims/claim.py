"""A claim and its verdict, which depends only on where its interval lies."""

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
Verdict = Literal["holds", "contradicted", "inconclusive", "not run"]


@dataclass(frozen=True)
class Claim:
    """One line of the ledger.

    Attributes:
        claim: the statement.
        verdict: whether the rows support it.
        estimate, low, high: with its 95 % interval, in `unit`; None where it was not run, and where an end is open.
        figure: the name of the figure that shows it.
        needed: the data that would resolve it, or the sweep that would provide rows; empty where it is resolved.
        note: the range of the data and the single points.
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
    """Regions of a statistic: an interval inside one region has its verdict, any other is inconclusive.

    Attributes:
        text: the rule in words.
        cuts: (C,) boundaries of the regions, ascending, in units of the statistic.
        verdicts: (C + 1,) of the regions, from low to high.
    """

    text: str
    cuts: tuple[float, ...]
    verdicts: tuple[Verdict, ...]

    def judge(self, interval: Estimate) -> Verdict:
        """The verdict on an interval, which must not touch a boundary."""
        first = int(np.searchsorted(self.cuts, interval.low, side="left"))
        last = int(np.searchsorted(self.cuts, interval.high, side="right"))
        return self.verdicts[first] if first == last else "inconclusive"


@dataclass(frozen=True)
class Scale:
    """The scale of a printed statistic: its unit, and the function from its value (often a logarithm) to it."""

    unit: str
    show: Callable[[float], float]


PLAIN = Scale("", float)
FACTOR = Scale("x", lambda log_ratio: float(np.exp(log_ratio)))
CHANGE = Scale("%", lambda log_ratio: float(100 * np.expm1(log_ratio)))
POINTS = Scale("points", lambda difference: 100 * difference)


@dataclass(frozen=True)
class Question:
    """A claim to test on rows: its statement, figure, scale, the rule of its verdict, and the sweep that provides rows.

    `sweep` describes the runs, `file` is the sweep file.
    """

    claim: str
    figure: str
    scale: Scale
    rule: Rule
    sweep: str
    file: str = MAIN_SWEEP

    def not_run(self, task: str) -> Claim:
        """The claim where the rows are missing."""
        return self._claim(task, "not run", None, f"to be run: {self.sweep}, see {self.file}", "")

    def answer(
        self,
        task: str,
        sample: Sample,
        keys: Collection[Any],
        statistic: Statistic,
        note: str = "",
        level: float = LEVEL,
    ) -> Claim:
        """The claim with the verdict from a bootstrap; `keys` are the cells that the statistic reads.

        With a single seed in any of them it is inconclusive. `level` is above 95 % where the statistic was selected
        among several, so that all of them hold at 95 % jointly.
        """
        interval = estimate(statistic, sample.drawn, level)
        verdict = self.rule.judge(interval) if sample.fewest_seeds(keys) > 1 else "inconclusive"
        needed = ""
        if verdict == "inconclusive":
            needed = more_data(narrowing(interval, self.rule.cuts), sample, keys, statistic)
        return self._claim(task, verdict, interval, needed, note)

    def settled(self, task: str, interval: Estimate, needed: str, note: str, least: bool = True) -> Claim:
        """The claim with the verdict on a given interval; inconclusive unless `least` is true."""
        verdict = self.rule.judge(interval) if least else "inconclusive"
        return self._claim(task, verdict, interval, needed if verdict == "inconclusive" else "", note)

    def _claim(self, task: str, verdict: Verdict, interval: Estimate | None, needed: str, note: str) -> Claim:
        value, low, high = (
            (None,) * 3 if interval is None else map(self._shown, (interval.value, interval.low, interval.high))
        )
        unit, rule = self.scale.unit, self.rule.text
        return Claim(self.claim, verdict, value, low, high, unit, self.figure, needed, note, rule, task)

    def _shown(self, value: float) -> float | None:
        return self.scale.show(value) if math.isfinite(value) else None
