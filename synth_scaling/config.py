"""The typed configuration of one run, and what names it.

conf/ names the choices (`task=maze method=step_dpo`); the dataclasses here and beside each component say what keys
there are. A wrong value is refused before anything is computed (:mod:`synth_scaling.checks`), in one line: the key, the
value, what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from synth_scaling.bounds import ConfigError
from synth_scaling.checks import check, known
from synth_scaling.credit.options import CREDIT, CreditOptions
from synth_scaling.data_options import DataOptions, JSONLDataOptions
from synth_scaling.jsonl import content_digest
from synth_scaling.methods import METHODS
from synth_scaling.model_options import MODELS, contents_of_model
from synth_scaling.sampling.engine import EngineOptions
from synth_scaling.store import ADDED, content_hash, without_added
from synth_scaling.task_checks import check_task
from synth_scaling.tasks import TASKS
from synth_scaling.tasks.sources import contents_of_files
from synth_scaling.training.options import TrainerOptions

__all__ = ["Config", "ConfigError", "register_schemas", "resolved", "restored", "run_hash", "typed"]


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


T = TypeVar("T")

# What does not change the result of a run, and so not its name.
NOT_HASHED = ("tracking", "output", "store", "sweep")


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


def typed(config: DictConfig) -> Config:
    """The composed configuration as dataclasses, checked. Raises ConfigError."""
    plain = as_options(config)
    for options in (plain.trainer, plain.engine):
        if options.dtype == "auto":  # settled here, so that a run is named by what it was computed in
            options.dtype = device_dtype()
    check_task(plain)
    return plain


def as_options(config: DictConfig) -> Config:
    """The same where neither model nor data need to be here: checked is what the configuration alone tells."""
    if OmegaConf.get_type(config) is not Config:
        raise ConfigError("defaults: allowed is a list that begins with config")
    for group in ("task", "model", "method", "trainer"):
        if config[group] is None:
            raise ConfigError(f"{group}=null: allowed is one of the choices of {group}")
    plain = OmegaConf.to_object(config)
    assert isinstance(plain, Config), type(plain)
    known(plain)
    check(plain)
    return plain


def device_dtype() -> str:
    """bfloat16 where CUDA has it, else float32."""
    import torch  # slow, and only needed for dtype=auto

    return "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"


def run_hash(config: Config) -> str:
    """The name of a run: the hash of everything that determines its result."""
    named = without_added(resolved(config), config)
    if isinstance(config.data, JSONLDataOptions):  # what is in the file, not where it lies
        named["data"]["path"] = content_digest(Path(config.data.path))
    named["task"] |= contents_of_files(config.task)  # the same
    named["model"] |= contents_of_model(config.model)
    return content_hash({key: value for key, value in named.items() if key not in NOT_HASHED})


def resolved(config: Config) -> dict[str, Any]:
    """Every key of a configuration that :func:`typed` made, with its value, as plain data."""
    return asdict(config)


def restored(plain: Mapping[str, Any]) -> Config:
    """The configuration that :func:`resolved` gave as plain data, and that was checked then."""
    kinds = {
        "task": TASKS[plain["task"]["name"]][1],
        "model": MODELS[plain["model"]["name"]],
        "method": METHODS[plain["method"]["name"]].options,
        "data": JSONLDataOptions if "path" in plain["data"] else DataOptions,
        "credit": CREDIT[plain["credit"].get("name", "exhaustive")],
        "trainer": TrainerOptions,
    }
    return _built(Config, {key: _built(kinds[key], value) if key in kinds else value for key, value in plain.items()})


def _built(kind: type[T], plain: Mapping[str, Any]) -> T:
    """A dataclass, and those within it, from plain data of the right types."""
    within = {key: hint for key, hint in get_type_hints(kind).items() if is_dataclass(hint)}
    return kind(
        **{
            key: _built(within[key], value) if key in within and isinstance(value, Mapping) else value  # type: ignore[arg-type]
            for key, value in plain.items()
        }
    )
