"""The typed configuration of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore

from synth_scaling.core.hashing import ADDED
from synth_scaling.credit.options import CREDIT, CreditOptions
from synth_scaling.data.options import DataOptions, JSONLDataOptions
from synth_scaling.methods import METHODS
from synth_scaling.models.options import MODELS
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.tasks import TASKS
from synth_scaling.training.options import TrainerOptions


@dataclass
class RolloutPolicyOptions:
    """pi_sft, which samples and finishes prefixes. More epochs make it memorise its own problems."""

    epochs: float = 5
    learning_rate: float = 1e-3


@dataclass
class EvaluationOptions:
    split: str = "test"
    problems: int | None = None  # all of the split
    pass_at_k: list[int] = field(default_factory=list)  # sampled at `temperature`; empty: greedy only
    temperature: float = 1.0
    difficulty_rollouts: int = 0  # samples of pi_sft a test problem, for its initial pass rate
    base: bool = field(default=False, metadata=ADDED)  # the base is tested, too, before any training


@dataclass
class TrackingOptions:
    """conf/tracking/*.yaml. `mode` auto: online with a W&B key, else offline."""

    name: str = "wandb"  # or "none"
    project: str = "synth-scaling"
    mode: str = "auto"  # or "online", "offline"
    sampled_rows: int = 50  # responses in the table of rollouts


@dataclass
class Config:
    """One run. `label` names the curve that it is a point of, `figure` what it was run for."""

    task: Any = None
    model: Any = None
    method: Any = None
    data: DataOptions = field(default_factory=DataOptions)
    rollout_policy: RolloutPolicyOptions = field(default_factory=RolloutPolicyOptions)
    credit: CreditOptions = field(default_factory=CreditOptions)
    engine: EngineOptions = field(default_factory=EngineOptions)
    trainer: Any = None
    evaluation: EvaluationOptions = field(default_factory=EvaluationOptions)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    seed: int = 0
    threads: int = 1  # of this process; part of what determines the bits of a result
    label: str = "${method.name}"
    figure: str = "size"
    sweep: str = "single"
    output: str = "outputs/${sweep}"
    store: str = "outputs/store"


def register_schemas() -> None:
    """Tell Hydra the types of conf/'s groups."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    for name, (_, options) in TASKS.items():
        store.store(group="task", name=f"{name}_schema", node=options)
    for name, method in METHODS.items():
        store.store(group="method", name=f"{name}_schema", node=method.options)
    for name, kind in MODELS.items():
        store.store(group="model", name=f"{name}_schema", node=kind)
    store.store(group="data", name="schema", node=DataOptions)
    store.store(group="data", name="jsonl_schema", node=JSONLDataOptions)
    for name, credit in CREDIT.items():
        store.store(group="credit", name=f"{name}_schema", node=credit)
    store.store(group="engine", name="schema", node=EngineOptions)
    store.store(group="trainer", name="schema", node=TrainerOptions)
    store.store(group="tracking", name="schema", node=TrackingOptions)
