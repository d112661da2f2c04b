"""The cost and the result of one stored stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """The cost of computing a stage. FLOPs follow :mod:`synth_scaling.core.flops`.

    Tokens and FLOPs are the same whenever the stage is computed; the fields in `MEASURED` depend on the machine.
    """

    tokens_trained: int = 0  # tokens of training sequences, prompts included, times epochs
    tokens_sampled: int = 0  # tokens of completions
    flops_training: float = 0.0
    flops_sampling: float = 0.0
    tokens_prompted: int = 0  # tokens of prompts, each prompt once however many responses it has
    device_seconds: float = 0.0  # seconds times the number of devices in use
    peak_memory: int = 0  # [bytes] of host memory of this process and its children together
    peak_device_memory: int = 0  # [bytes] of CUDA memory on one device; 0 without CUDA

    def __add__(self, other: Cost) -> Cost:
        """The cost of both stages, one after the other: sums, and the maximum of the peaks."""
        pairs = zip(fields(self), astuple(self), astuple(other), strict=True)
        return Cost(*(max(a, b) if entry.name.startswith("peak") else a + b for entry, a, b in pairs))


MEASURED = ("device_seconds", "peak_memory", "peak_device_memory")


@dataclass(frozen=True)
class StageResult:
    """A complete stage: its folder, the hash of what determines it, and its cost when it was computed."""

    name: str
    hash: str
    path: Path
    cost: Cost
    seconds: float
    made_here: bool  # computed by this call, not read from the store
    facts: Mapping[str, Any] = field(default_factory=dict)  # small results stored with it
