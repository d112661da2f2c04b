"""Forecast of a launch: the stages and FLOPs that remain, and how long they take.

FLOPs are expected ones (:mod:`synth_scaling.forecast.expected_costs`). Their duration follows stages of the same kind
and of similar size that were computed before: in this store, else on two CPU cores (`rates.jsonl` of this package).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from synth_scaling.config.schema import Config
from synth_scaling.core.stage import role_of
from synth_scaling.forecast.expected_costs import Stage, stages_of
from synth_scaling.system.files import read_advisory_lines

PACKAGED = Path(__file__).with_name("rates.jsonl")
NEAREST = 5  # stages that a duration is read from
RECENT = 200  # stages of a store that are considered, of each kind
FARTHEST = math.log(30)  # no duration is read from stages whose FLOPs are off by more than this factor
# A kind of stage, until one is measured: passes of the same trainer.
STANDS_IN = {"reference_logprobs": "policy", "certificate": "policy"}
FOREIGN = math.log(10)  # a stage of the package counts as near as one of the store whose FLOPs are off by this factor


@dataclass(frozen=True)
class ComputedStage:
    """A stage that was computed: a line of a store's made.jsonl, or of `rates.jsonl`."""

    stage: str  # its kind
    seconds: float
    flops: float


@dataclass(frozen=True)
class Forecast:
    """Attributes: `stages` and `flops` that remain; `requests`: how often the runs need a stage; `seconds`: of one
    worker for each run, a stage shared by several counted for the first, or None if no similar stage was measured;
    `packaged`: whether a duration comes from `rates.jsonl`."""

    stages: int
    requests: int
    flops: float
    seconds: tuple[float, ...] | None
    packaged: bool

    def line(self, workers: int) -> str:
        """'42 stages to compute (requested 80 times), about 1.1e+12 FLOPs, about 12 min with 2 workers'."""
        if not self.stages:
            return "nothing is left to compute: every stage is in the store"
        many = "worker" if workers == 1 else "workers"
        text = f"{self.stages} stages to compute (requested {self.requests} times), about {self.flops:.1e} FLOPs"
        if self.seconds is None:
            return f"{text}; no duration: no stage of similar size was measured, here or on two CPU cores"
        text += f", {duration(sum(self.seconds) / workers)} with {workers} {many}"
        return f"{text}; rates that come with the package, measured on two CPU cores" if self.packaged else text


def forecast(missing: Sequence[Config], stored: Collection[str], store: Path) -> Forecast:
    """The forecast for the runs that are `missing`; `stored` has the keys of the stages that are in the store.

    Raises ValueError for a model whose size is unknown.
    """
    rates = Rates(store)
    counted, requests, flops, seconds, packaged = set(stored), 0, 0.0, [], False
    for config in missing:
        of_run = 0.0
        for stage in stages_of(config):
            requests += 1
            if stage.key not in counted:
                counted.add(stage.key)
                flops += flops_of(stage)
                expected, foreign = rates.seconds(role_of(stage.name).kind, flops_of(stage))
                of_run += expected
                packaged |= foreign
        seconds.append(of_run)
    known = tuple(seconds) if math.isfinite(sum(seconds)) else None
    return Forecast(len(counted) - len(set(stored)), requests, flops, known, packaged)


class Rates:
    """Durations of stages, read from similar ones."""

    def __init__(self, store: Path) -> None:
        self._known: dict[tuple[str, float], tuple[float, bool]] = {}
        self._stages: dict[str, list[tuple[float, ComputedStage, bool]]] = {}
        for file, foreign in ((store / "made.jsonl", False), (PACKAGED, True)):
            kinds: dict[str, list[tuple[float, ComputedStage, bool]]] = {}
            for line in read_advisory_lines(file, ComputedStage):
                if line.flops > 0 and line.seconds > 0:
                    kinds.setdefault(line.stage, []).append((math.log(line.flops), line, foreign))
            for kind, lines in kinds.items():
                self._stages.setdefault(kind, []).extend(lines[-RECENT:])

    def seconds(self, kind: str, flops: float) -> tuple[float, bool]:
        """Expected seconds of a stage, and whether they come from the package's file.

        0 for a stage without FLOPs, infinity if no similar stage was measured.
        """
        if (kind, flops) not in self._known:
            self._known[kind, flops] = self._similar(kind, flops)
        return self._known[kind, flops]

    def _similar(self, kind: str, flops: float) -> tuple[float, bool]:
        lines = self._stages.get(kind) or self._stages.get(STANDS_IN.get(kind, ""), [])
        if flops <= 0:
            return 0.0, False
        size = math.log(flops)
        distances = sorted(
            (abs(log - size) + FOREIGN * foreign, foreign, n) for n, (log, _, foreign) in enumerate(lines)
        )
        closest, foreign, _ = distances[0] if distances else (math.inf, True, 0)
        if closest - FOREIGN * foreign > FARTHEST:
            return math.inf, foreign
        # Stages of one origin, no farther than three times the closest one's size
        chosen = [lines[n][1] for d, f, n in distances if f == foreign and d <= closest + math.log(3)][:NEAREST]
        rate = sum(line.flops for line in chosen) / sum(line.seconds for line in chosen)
        return flops / rate, foreign


def flops_of(stage: Stage) -> float:
    """FLOPs of the stage, training and sampling together."""
    return stage.cost.flops_training + stage.cost.flops_sampling


def duration(seconds: float) -> str:
    """'about 40 s', 'about 12 min', 'about 3.4 h'."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
