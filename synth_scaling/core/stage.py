"""The cost and the result of one stored stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What making a stage took, counted and measured. FLOPs follow :mod:`synth_scaling.core.flops`.

    What is counted is the same whenever the stage is made; what is measured (`MEASURED`) is not.
    """

    tokens_trained: int = 0  # in: those that a training went over, prompts included, as often as it did
    tokens_sampled: int = 0  # out
    flops_training: float = 0.0
    flops_sampling: float = 0.0
    tokens_prompted: int = 0  # in: those that sampling began from, each prompt once however many responses it has
    device_seconds: float = 0.0  # seconds of the making, times the devices that shared it
    peak_memory: int = 0  # bytes of host memory that this process and its children held at most meanwhile
    peak_device_memory: int = 0  # bytes of CUDA memory of one device, 0 without CUDA

    def __add__(self, other: Cost) -> Cost:
        """Of both, one after the other: everything adds up but the peaks."""
        pairs = zip(fields(self), astuple(self), astuple(other), strict=True)
        return Cost(*(max(a, b) if entry.name.startswith("peak") else a + b for entry, a, b in pairs))


MEASURED = ("device_seconds", "peak_memory", "peak_device_memory")


@dataclass(frozen=True)
class StageResult:
    """A finished stage: its folder, the hash of what determines it, what it cost when it was made."""

    name: str
    hash: str
    path: Path
    cost: Cost
    seconds: float
    made_here: bool  # by this call, not found in the store
    facts: Mapping[str, Any] = field(default_factory=dict)  # small results the maker wants kept
