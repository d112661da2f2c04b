"""The stages of a run by name, and the cost and the result of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class StageRole:
    """Attributes: `kind` names the stage in a store; `spent`: its cost belongs to the price of a method."""

    kind: Literal["base", "policy", "responses", "step_values"]
    spent: bool


# The stages that a run may have, by their names in its row and in the order of the pipeline. Pretraining and
# measurements are not part of a method's price.
ROLES = {
    "base": StageRole("base", spent=False),
    "pi_sft": StageRole("policy", spent=True),
    "rollouts": StageRole("responses", spent=True),  # in blocks: rollouts_0, rollouts_1, ...
    "negative_values": StageRole("step_values", spent=True),
    "positive_values": StageRole("step_values", spent=True),
    "base_evaluation": StageRole("responses", spent=False),
    "initial_policy": StageRole("policy", spent=False),
    "initial_responses": StageRole("responses", spent=False),
    "policy": StageRole("policy", spent=True),
    "evaluation": StageRole("responses", spent=False),
    "pass_at_k": StageRole("responses", spent=False),
}


def without_block(name: str) -> str:
    """The key in ROLES of a stage: "rollouts" for "rollouts_3", other names as they are."""
    family, _, block = name.rpartition("_")
    return family if block.isdigit() else name


def role_of(name: str) -> StageRole:
    """Raises KeyError for a name that no stage has."""
    return ROLES[without_block(name)]


@dataclass(frozen=True)
class Cost:
    """The cost of computing a stage. FLOPs follow :mod:`synth_scaling.core.flops`.

    Counted fields are the same whenever the stage is computed; measured ones (`MEASURED`) are not.
    """

    tokens_trained: int = 0  # in: all tokens that a training processed, prompts included, once per epoch
    tokens_sampled: int = 0  # out
    flops_training: float = 0.0
    flops_sampling: float = 0.0
    tokens_prompted: int = 0  # in: prompts of the sampling, each once however many responses it has
    device_seconds: float = 0.0  # seconds of the computation, times the number of devices
    peak_memory: int = 0  # bytes of host memory of this process and its children
    peak_device_memory: int = 0  # bytes of CUDA memory of one device, 0 without CUDA

    def __add__(self, other: Cost) -> Cost:
        """The sum of both; of peaks, the larger."""
        pairs = zip(fields(self), astuple(self), astuple(other), strict=True)
        return Cost(*(max(a, b) if entry.name.startswith("peak") else a + b for entry, a, b in pairs))


MEASURED = ("device_seconds", "peak_memory", "peak_device_memory")


@dataclass(frozen=True)
class StageResult:
    """A finished stage: its folder, the hash of its inputs, and its cost when it was computed."""

    name: str
    hash: str
    path: Path
    cost: Cost
    seconds: float
    made_here: bool  # computed by this call, not read from the store
    facts: Mapping[str, Any] = field(default_factory=dict)  # small results that are stored beside the files
