"""The stages of a run by name, and the cost and the result of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class StageRole:
    """Attributes: `kind` names the stage in a store; `spent`: its cost belongs to the price of a method."""

    kind: Literal["base", "policy", "responses", "step_values", "reference_logprobs", "certificate"]
    spent: bool


# The stages that a run may have, by their names in its row and in the order of the pipeline. Pretraining and
# measurements are not part of a method's price. Stages of the second round and later end in _round_2 and so on.
ROLES = {
    "base": StageRole("base", spent=False),
    "pi_sft": StageRole("policy", spent=True),
    "pi_sft_certificate": StageRole("certificate", spent=False),
    "base_evaluation": StageRole("responses", spent=False),
    "initial_policy": StageRole("policy", spent=False),
    "initial_responses": StageRole("responses", spent=False),
    "rollouts": StageRole("responses", spent=True),  # in blocks: rollouts_0, rollouts_1, ...
    "negative_values": StageRole("step_values", spent=True),
    "positive_values": StageRole("step_values", spent=True),
    "reference_logprobs": StageRole("reference_logprobs", spent=True),
    "policy": StageRole("policy", spent=True),
    "policy_certificate": StageRole("certificate", spent=False),
    "evaluation": StageRole("responses", spent=False),
    "samples": StageRole("responses", spent=False),  # one per temperature: samples_1, samples_0.7, ...
    "pass_at_k": StageRole("responses", spent=False),
}


_ROUND = re.compile(r"_round_(\d+)$")


def in_round(name: str, number: int) -> str:
    """The name of a stage in a round, counted from 1: the first round has the names of a run without rounds."""
    return name if number == 1 else f"{name}_round_{number}"


def round_of(name: str) -> int:
    """The round that a stage belongs to, from its name. Everything before the second round is the first."""
    match = _ROUND.search(name)
    return int(match[1]) if match else 1


def stage_family(name: str) -> str:
    """The key in ROLES of a stage: "rollouts" for "rollouts_3" and "rollouts_round_2", else mostly the name itself."""
    return re.sub(r"_\d[\d.e+-]*$", "", _ROUND.sub("", name))


def role_of(name: str) -> StageRole:
    """The role of the stage of this name. Raises KeyError for a name that no stage has."""
    return ROLES[stage_family(name)]


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
