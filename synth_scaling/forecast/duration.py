"""What a launch has to make: how many stages for how many runs, their FLOPs, and how long that will take here.

FLOPs are expected ones (:mod:`synth_scaling.forecast.expected_costs`). The duration divides them by the FLOPs a second
that stages of each kind have reached in this store so far; it is unknown until one of each kind is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synth_scaling.config.schema import Config
from synth_scaling.core.stage import role_of
from synth_scaling.forecast.expected_costs import Stage, computed_once, stages_of
from synth_scaling.system.files import read_advisory_lines


def forecast(missing: Sequence[Config], done: Sequence[Config], store: Path, workers: int) -> str:
    """A line about the runs that are `missing`: what those that are `done` have made is there."""
    try:
        there = {stage.key for stage in computed_once(done)}
        asked = sum(len(stages_of(config)) for config in missing)
    except ValueError as error:  # the size of a model of one's own cannot be told
        return f"no estimate of what is to be made: {error}"
    stages = [stage for stage in computed_once(missing) if stage.key not in there]
    flops = sum(_flops(stage) for stage in stages)
    words = f"{len(stages)} stages to make, shared among {asked} uses; about {flops:.1e} FLOPs"
    seconds = expected_seconds(stages, rates(store))
    if seconds is None:
        return f"{words}; how long that takes is known when some of each kind are made"
    return f"{words}, {_words(seconds / workers)} with {workers} {'worker' if workers == 1 else 'workers'}"


@dataclass(frozen=True)
class ComputedStage:
    """A line of a store's made.jsonl: a stage that was computed."""

    stage: str
    seconds: float
    flops: float


def rates(store: Path) -> dict[str, float]:
    """FLOPs per second that each kind of stage has reached in `store`."""
    sums: dict[str, list[float]] = {}
    for line in read_advisory_lines(store / "made.jsonl", ComputedStage):
        total = sums.setdefault(line.stage, [0.0, 0.0])
        total[0] += line.flops
        total[1] += line.seconds
    return {kind: flops / seconds for kind, (flops, seconds) in sums.items() if flops > 0 and seconds > 0}


def expected_seconds(stages: Sequence[Stage], reached: Mapping[str, float]) -> float | None:
    """Seconds of one worker for `stages`; None if a kind among them has no rate."""
    total = 0.0
    for stage in stages:
        if (flops := _flops(stage)) == 0:
            continue
        if (rate := reached.get(role_of(stage.name).kind)) is None:
            return None
        total += flops / rate
    return total


def _flops(stage: Stage) -> float:
    return stage.cost.flops_training + stage.cost.flops_sampling


def _words(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
