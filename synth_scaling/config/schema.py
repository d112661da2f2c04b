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

    epochs: float = 5  # [passes over D_syn] of its training; with many it memorises its problems, and negatives run out
    learning_rate: float = 1e-3  # peak of the schedule


@dataclass
class EvaluationOptions:
    split: str = "test"  # "test", or "validation" for choosing settings
    problems: int | None = None  # test problems; null: all of the split
    # values of k at which pass@k is estimated from samples; empty: greedy error only
    pass_at_k: list[int] = field(default_factory=list)
    temperature: float = 1.0  # of the samples for sampled error and pass@k
    # [samples per test problem] of pi_sft at temperature 1, for its initial pass rate; 0: none
    difficulty_rollouts: int = 0
    base: bool = field(default=False, metadata=ADDED)  # the base model is tested as well, before any training
    # [samples per test problem] of the policy at `temperature`: sampled error, correct samples per problem, pass@k; 0:
    # none. Beside the greedy evaluation they are one stage of their own, which no other stage depends on: a study that
    # was run without is run again with evaluation.samples=4 from the same store, and only they are computed.
    samples: int = field(default=0, metadata=ADDED)
    # further temperatures, each with as many samples, for sampled error against temperature; needs `samples`
    temperatures: list[float] = field(default_factory=list, metadata=ADDED)


@dataclass
class TrackingOptions:
    """conf/tracking/*.yaml. `mode` auto: online with a W&B key, else offline."""

    name: str = "wandb"  # "wandb" or "none"
    project: str = "synth-scaling"  # W&B project that runs are logged to
    mode: str = "auto"  # "auto" (online if a W&B key is set, else offline), "online" or "offline"
    sampled_rows: int = 50  # [rows] of each logged table of responses


@dataclass
class Config:
    """One run. `label` names the curve that it is a point of, `figure` what it was run for."""

    task: Any = None  # a group, chosen by task=NAME
    model: Any = None  # a group, chosen by model=NAME
    method: Any = None  # a group, chosen by method=NAME
    data: DataOptions = field(default_factory=DataOptions)  # a group, chosen by data=NAME
    rollout_policy: RolloutPolicyOptions = field(default_factory=RolloutPolicyOptions)  # how pi_sft is trained
    credit: CreditOptions = field(default_factory=CreditOptions)  # a group, chosen by credit=NAME
    engine: EngineOptions = field(default_factory=EngineOptions)  # a group, chosen by engine=NAME
    trainer: Any = None  # a group, chosen by trainer=NAME
    evaluation: EvaluationOptions = field(default_factory=EvaluationOptions)  # how the policy is tested
    tracking: TrackingOptions = field(default_factory=TrackingOptions)  # a group, chosen by tracking=NAME
    seed: int = 0  # of demonstrations, data order and sampling
    threads: int = 1  # [threads] of the process; part of what determines the bits of a result
    label: str = "${method.name}"  # the curve that the run is a point of
    figure: str = "size"  # the figure that the run was made for; `size` is error against N
    sweep: str = "single"  # name of the sweep, and of its folder and W&B group
    output: str = "outputs/${sweep}"  # folder of the runs
    store: str = "outputs/store"  # folder of the stages, which sweeps may share


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
