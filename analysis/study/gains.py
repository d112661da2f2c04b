"""The gain of several rounds, divided into four parts: more samples, fresh samples, negatives, step credit.

A contrast is two cells of one N that differ in one thing. Its gain is error(without it) - error(with it), with a paired
interval. Of a label that was also run in one round with R times the samples, the gain of R rounds over the first one
is the sum of two contrasts: that of the samples (one round with R times as many, against one round) and that of
freshness (R rounds, against one round with as many samples in all).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.data.cells import Cell
from analysis.data.results import Results
from analysis.data.rounds import RoundKey, round_cells, round_rows, rounds_of
from analysis.defaults import DRAWS
from analysis.stats.bootstrap import percentile_interval, resample

# (with, without): methods that differ in the part that a contrast is about.
NEGATIVES = {("step_dpo", "step_sft")}
STEP_CREDIT = {("step_dpo", "dpo"), ("full_step_dpo", "dpo"), ("step_reinforce", "reinforce")}
PARTS = ("rounds", "samples", "freshness", "negatives", "step credit")


@dataclass(frozen=True)
class Setting:
    """The settings of a label at one N that contrasts are found by.

    Attributes:
        method: its name and options.
        rounds: their number, R.
        rollouts: samples per problem in each round.
    """

    label: str
    size: int
    method: Mapping[str, Any]
    rounds: int
    rollouts: int

    @property
    def name(self) -> str:
        """The method's name."""
        return str(self.method["name"])


@dataclass(frozen=True)
class Contrast:
    """Two cells that differ in one part of a method, one of `PARTS`."""

    part: str
    having: RoundKey
    lacking: RoundKey


@dataclass(frozen=True)
class Gain:
    """The error of the cell without the part minus that with it, a fraction, with its 95 % paired interval."""

    contrast: Contrast
    gain: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether the part helps or hurts, its interval without 0, or "inconclusive"."""
        return "helps" if self.low > 0 else "hurts" if self.high < 0 else "inconclusive"


def settings_of(results: Results) -> list[Setting]:
    """One setting per label and N of the rows whose figure is "rounds", in the order of the rows."""
    settings: dict[tuple[str, int], Setting] = {}
    for row in round_rows(results).to_dict("records"):
        config = row["config"] if isinstance(row.get("config"), dict) else {}
        method = {"name": row["method"], **config.get("method", {})}
        at = (str(row["label"]), int(row["problems"]))
        settings.setdefault(at, Setting(*at, method, len(rounds_of(row)), int(row["rollouts"])))
    return list(settings.values())


def contrasts(settings: Sequence[Setting]) -> list[Contrast]:
    """Every contrast between the settings, by part, then in the order of the settings."""
    found: list[Contrast] = []
    for a in settings:
        first, last = (a.label, a.size, 1), (a.label, a.size, a.rounds)
        if a.rounds > 1:
            found.append(Contrast("rounds", last, first))
        for b in settings:
            if b.size != a.size or b is a:
                continue
            other = (b.label, b.size, b.rounds)
            if b.rounds == 1 and a.rounds > 1 and b.rollouts == a.rounds * a.rollouts and a.method == b.method:
                found += [Contrast("samples", other, first), Contrast("freshness", last, other)]
            if b.rollouts != a.rollouts:
                continue
            numbers = range(1, min(a.rounds, b.rounds) + 1)
            pairs = [((a.label, a.size, number), (b.label, b.size, number)) for number in numbers]
            if (a.name, b.name) in NEGATIVES or _lacks_negatives(a.method, b.method):
                found += [Contrast("negatives", *pair) for pair in pairs]
            if (a.name, b.name) in STEP_CREDIT:
                found += [Contrast("step credit", *pair) for pair in pairs]
    return sorted(found, key=lambda contrast: PARTS.index(contrast.part))


def gains(results: Results, draws: int = DRAWS, seed: int = 0) -> list[Gain]:
    """The gain of every contrast in the rows whose figure is "rounds"; empty without such rows.

    Raises:
        InputError: rows of several tasks, or two runs of one seed with the same label and N.
    """
    points: Mapping[RoundKey, Cell] = round_cells(results)
    if not points:
        return []
    drawn = resample(points, draws, seed)
    lines = []
    for contrast in contrasts(settings_of(results)):
        having, lacking = contrast.having, contrast.lacking
        low, high = percentile_interval(drawn.resampled[lacking] - drawn.resampled[having])
        lines.append(Gain(contrast, drawn.error[lacking] - drawn.error[having], low, high))
    return lines


def _lacks_negatives(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether `other` is `one` with the weight `negative` of the incorrect responses set to 0."""
    return (
        bool(one.get("negative")) and other.get("negative") == 0 and {**one, "negative": 0} == {**other, "negative": 0}
    )
