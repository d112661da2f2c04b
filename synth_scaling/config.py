"""The typed configuration of one run, and every check that crosses fields, in one place.

conf/ names the choices (`task=maze method=step_dpo`); the dataclasses here and beside each component say what keys
there are. A wrong value is refused before anything is computed, in one line: the key, the value, what is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from synth_scaling.bounds import ConfigError, above_zero, at_least, between, finite, one_of
from synth_scaling.methods import METHODS, PreferenceOptions
from synth_scaling.model_options import MODELS, check_model, check_model_for
from synth_scaling.sampling.engine import EngineOptions
from synth_scaling.store import ADDED, content_hash, without_added
from synth_scaling.tasks import EMBEDDED, TASKS, Task, make_task
from synth_scaling.teacher_data import Fields, Teacher, content_digest, read_teacher_data

__all__ = ["Config", "ConfigError", "check_folders", "register_schemas", "resolved", "restored", "run_hash", "typed"]


@dataclass
class DataOptions:
    """conf/data/*.yaml: the amounts that the study varies."""

    problems: int = 200  # N: the problems of D_syn
    traces: int = 1  # distinct teacher solutions a problem in D_syn, as far as there are so many
    rollouts: int = 16  # M responses of pi_sft a problem
    positives: int = 4  # k: distinct correct ones used a problem
    negatives: int = 8  # j: distinct incorrect ones used a problem
    max_negatives: int | None = 4000  # at most this many in all
    temperature: float = 1.0


@dataclass
class JSONLDataOptions(DataOptions):
    """conf/data/jsonl.yaml: D_syn from a file of teacher data."""

    path: str = ""
    question_field: str = "question"
    solution_field: str = "solution"
    answer_field: str | None = "answer"  # null: the solution's final answer


@dataclass
class RolloutPolicyOptions:
    """pi_sft, which samples and finishes prefixes. More epochs make it memorise its own problems."""

    epochs: float = 5
    learning_rate: float = 1e-3


@dataclass
class CreditOptions:
    """Monte-Carlo step values."""

    rollouts: int = 16  # K completions a prefix of an incorrect response: too few, and chance makes pits
    positive_rollouts: int = 4  # K for prefixes of correct responses, which have no pit to find
    temperature: float = 1.0
    stop_at_zero: bool = True  # in a wrong response, nothing is rolled out after a prefix with no right completion


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
    store.store(group="engine", name="schema", node=EngineOptions)
    store.store(group="trainer", name="schema", node=_trainer_options())
    store.store(group="tracking", name="schema", node=TrackingOptions)


def typed(config: DictConfig) -> Config:
    """The composed configuration as dataclasses, checked. Raises ConfigError."""
    plain = OmegaConf.to_object(config)
    assert isinstance(plain, Config), type(plain)
    for options in (plain.trainer, plain.engine):
        if options.dtype == "auto":  # settled here, so that a run is named by what it was computed in
            options.dtype = device_dtype()
    check(plain)
    check_task(plain)
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
    return content_hash({key: value for key, value in named.items() if key not in NOT_HASHED})


def resolved(config: Config) -> dict[str, Any]:
    """Every key with its value, as plain data."""
    plain: Any = OmegaConf.to_container(OmegaConf.structured(config), resolve=True)
    return plain


def restored(plain: Mapping[str, Any]) -> Config:
    """The configuration that :func:`resolved` gave as plain data, and that was checked then."""
    kinds = {
        "task": TASKS[plain["task"]["name"]][1],
        "model": MODELS[plain["model"]["name"]],
        "method": METHODS[plain["method"]["name"]].options,
        "data": JSONLDataOptions if "path" in plain["data"] else DataOptions,
        "trainer": _trainer_options(),
    }
    merged = OmegaConf.merge(
        OmegaConf.structured(Config), {key: OmegaConf.structured(kind) for key, kind in kinds.items()}, dict(plain)
    )
    config = OmegaConf.to_object(merged)
    assert isinstance(config, Config), type(config)
    return config


def _trainer_options() -> type:
    from synth_scaling.training.options import TrainerOptions

    return TrainerOptions


def check(config: Config) -> None:
    """Every rule that the types do not say. Raises ConfigError naming key, value and what is allowed."""
    c, data, method = config, config.data, config.method
    for group, known in (
        ("task", {n: o for n, (_, o) in TASKS.items()}),
        ("method", {n: m.options for n, m in METHODS.items()}),
        ("model", MODELS),
    ):
        name, options = getattr(c, group).name, getattr(c, group)
        if type(options) is not known.get(name):
            names = [other for other, kind in known.items() if kind is type(options)]
            raise ConfigError(f"{group}.name={name}: allowed is {names[0]}; choose another by {group}={name}")
    at_least("data.problems", data.problems, 1)
    at_least("data.traces", data.traces, 1)
    at_least("data.rollouts", data.rollouts, 1)
    for key, value in (("data.positives", data.positives), ("data.negatives", data.negatives)):
        between(key, value, 0, data.rollouts, f"0 to data.rollouts={data.rollouts}")
    if data.max_negatives is not None:
        at_least("data.max_negatives", data.max_negatives, 1)
    above_zero("data.temperature", data.temperature)
    above_zero("credit.temperature", c.credit.temperature)
    at_least("credit.rollouts", c.credit.rollouts, 1)
    at_least("credit.positive_rollouts", c.credit.positive_rollouts, 1)
    above_zero("rollout_policy.epochs", c.rollout_policy.epochs)
    above_zero("rollout_policy.learning_rate", c.rollout_policy.learning_rate)
    above_zero("method.epochs", method.epochs)
    above_zero("method.learning_rate", method.learning_rate)
    one_of("method.start", method.start, ("base", "pi_sft"))
    for key, allowed in _CHOICES.items():
        if hasattr(method, key):
            one_of(f"method.{key}", getattr(method, key), allowed)
    if hasattr(method, "best_of"):
        at_least("method.best_of", method.best_of, 1)
    if hasattr(method, "beta"):
        above_zero("method.beta", method.beta)
    if hasattr(method, "clip"):
        above_zero("method.clip", method.clip)
    if isinstance(method, PreferenceOptions):
        at_least("method.nll", method.nll, 0)
    uses = METHODS[method.name].uses
    for amount in ("positives", "negatives"):
        if amount in uses and getattr(data, amount) == 0:
            raise ConfigError(f"data.{amount}=0: method={method.name} needs at least 1")
    check_model(c.model)
    at_least("trainer.batch_size", c.trainer.batch_size, 1)
    at_least("trainer.gradient_accumulation", c.trainer.gradient_accumulation, 1)
    at_least("trainer.logging_steps", c.trainer.logging_steps, 1)
    if c.trainer.batch_size % c.trainer.gradient_accumulation:
        raise ConfigError(
            f"trainer.gradient_accumulation={c.trainer.gradient_accumulation}: "
            f"allowed are divisors of trainer.batch_size={c.trainer.batch_size}"
        )
    at_least("trainer.num_processes", c.trainer.num_processes, 1)
    if c.trainer.batch_size % (c.trainer.num_processes * c.trainer.gradient_accumulation):
        raise ConfigError(
            f"trainer.num_processes={c.trainer.num_processes}: times trainer.gradient_accumulation="
            f"{c.trainer.gradient_accumulation}, allowed are divisors of trainer.batch_size={c.trainer.batch_size}"
        )
    one_of("trainer.sharding", c.trainer.sharding, ("none", "fsdp"))
    if c.trainer.sharding != "none" and c.trainer.num_processes == 1:
        raise ConfigError(f"trainer.sharding={c.trainer.sharding}: needs trainer.num_processes above 1")
    one_of("trainer.dtype", c.trainer.dtype, ("float32", "bfloat16", "auto"))
    at_least("trainer.lora.rank", c.trainer.lora.rank, 0)
    above_zero("trainer.lora.alpha", c.trainer.lora.alpha)
    between("trainer.lora.dropout", c.trainer.lora.dropout, 0, 0.99, "0 to 0.99")
    one_of("engine.name", c.engine.name, ("vllm",))
    at_least("engine.replicas", c.engine.replicas, 1)
    if c.engine.shard is not None:
        at_least("engine.shard", c.engine.shard, 1)
    elif c.engine.replicas > 1:
        raise ConfigError(
            f"engine.replicas={c.engine.replicas}: set engine.shard, the prompts that one samples together"
        )
    one_of("engine.dtype", c.engine.dtype, ("float32", "bfloat16", "float16", "auto"))
    for key in ("max_num_seqs", "max_batched_tokens", "memory_gib", "tensor_parallel_size"):
        at_least(f"engine.{key}", getattr(c.engine, key), 1)
    if c.engine.max_model_len is not None:
        at_least("engine.max_model_len", c.engine.max_model_len, 2)
    one_of("evaluation.split", c.evaluation.split, ("validation", "test"))
    if c.evaluation.problems is not None:
        at_least("evaluation.problems", c.evaluation.problems, 1)
    for k in c.evaluation.pass_at_k:
        at_least("evaluation.pass_at_k", k, 1)
    at_least("evaluation.difficulty_rollouts", c.evaluation.difficulty_rollouts, 0)
    one_of("tracking.name", c.tracking.name, ("wandb", "none"))
    one_of("tracking.mode", c.tracking.mode, ("auto", "online", "offline"))
    at_least("threads", c.threads, 1)
    between("seed", c.seed, 0, 2**32 - 1, "0 to 2^32 - 1")
    if hasattr(c.task, "world_seed"):
        between("task.world_seed", c.task.world_seed, 0, 2**32 - 1, "0 to 2^32 - 1")
    one_of("trainer.schedule", c.trainer.schedule, _SCHEDULES)
    for key in ("weight_decay", "max_grad_norm"):
        at_least(f"trainer.{key}", getattr(c.trainer, key), 0)
    between("trainer.warmup_share", c.trainer.warmup_share, 0, 0.99, "0 to 0.99")
    above_zero("engine.gpu_memory_share", c.engine.gpu_memory_share)
    between("engine.gpu_memory_share", c.engine.gpu_memory_share, 0, 1, "shares up to 1")
    above_zero("evaluation.temperature", c.evaluation.temperature)
    at_least("tracking.sampled_rows", c.tracking.sampled_rows, 0)
    finite(resolved(c))


def check_task(config: Config) -> None:
    """Refuse options that the task refuses, more problems than it has, a model it does not fit. Raises ConfigError."""
    if config.model.name == "tiny" and config.task.name not in EMBEDDED:
        raise ConfigError(
            f"model=tiny: a base model is pretrained for task={', '.join(EMBEDDED)} only; "
            f"task={config.task.name} has no corpus for it and takes a pretrained model"
        )
    try:
        task = make_task(config.task)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    check_model_for(task, config.model)
    try:
        teacher = teacher_of(config, task)
    except ValueError as error:
        raise ConfigError(f"data.path={error}") from None
    for key, source, split, n in (
        ("data.problems", teacher, "train", config.data.problems),
        ("evaluation.problems", task, config.evaluation.split, config.evaluation.problems),
    ):
        try:
            source.problems(split, n, config.seed)  # type: ignore[arg-type]
        except ValueError as error:
            raise ConfigError(f"{key}={n}: {error}") from None


def teacher_of(config: Config, task: Task) -> Teacher:
    """The task, or the file of `data=jsonl`. Raises ValueError naming file, line and field."""
    data = config.data
    if not isinstance(data, JSONLDataOptions):
        return task
    if not data.path:
        raise ValueError(": needed is a JSONL file of teacher data")
    fields = Fields(data.question_field, data.solution_field, data.answer_field)
    return read_teacher_data(Path(data.path), fields, task)


_CHOICES = {
    "pairing": ("random", "nearest", "farthest"),
    "pit": ("lowest", "first_zero"),
    "rejected": ("step", "rest"),
    "chosen": ("prefix", "response"),
    "drop": ("responses", "tokens"),
    "weight": ("exp", "positive"),
}

_SCHEDULES = ("cosine", "linear", "constant", "constant_with_warmup")


def check_folders(config: Config) -> None:
    """Refuse folders that cannot be written before anything is computed. Raises ConfigError."""
    for key in ("output", "store"):
        folder = Path(getattr(config, key))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(f"{key}={folder}: allowed is a folder that can be written ({error.strerror})") from None
