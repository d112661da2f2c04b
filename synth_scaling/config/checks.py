"""Every rule on a configuration that its types do not say, a function a group, and those that cross groups.

Each raises ConfigError in one line: the key, the value, what is allowed.
"""

from __future__ import annotations

import os
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth_scaling.core.validation import ConfigError, above_zero, at_least, between, filled, finite, one_of
from synth_scaling.credit.options import CREDIT, check_credit
from synth_scaling.data.options import DataOptions
from synth_scaling.methods import METHODS, MethodOptions, PreferenceOptions
from synth_scaling.methods.method import _METHOD_CHOICES
from synth_scaling.models.options import MODELS, TinyOptions, check_model
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.tasks import TASKS
from synth_scaling.training.options import LoRAOptions, TrainerOptions

if TYPE_CHECKING:
    from synth_scaling.config.schema import Config, EvaluationOptions, RolloutPolicyOptions, TrackingOptions


def check(config: Config) -> None:
    """Refuse values that no task has to be asked about. Raises ConfigError."""
    check_names(config)
    check_data(config.data)
    check_credit(config.credit, config.method.name, METHODS[config.method.name].uses)
    check_rollout_policy(config.rollout_policy)
    check_method(config.method, config.data)
    check_model(config.model)
    check_trainer(config.trainer)
    check_lora(config.trainer.lora, config.model)
    check_engine(config.engine)
    check_evaluation(config.evaluation)
    check_tracking(config.tracking)
    for key in ("label", "figure", "sweep", "output", "store"):
        filled(key, getattr(config, key))
    at_least("threads", config.threads, 1)
    between("threads", config.threads, 1, 1024, "1 to 1024")
    between("seed", config.seed, 0, 2**32 - 1, "0 to 2^32 - 1")
    if hasattr(config.task, "world_seed"):
        between("task.world_seed", config.task.world_seed, 0, 2**32 - 1, "0 to 2^32 - 1")
    finite(asdict(config))


def known(options: Any, above: str = "") -> None:
    """Refuse keys that `+key=value` added and nothing reads. Raises ConfigError with the dotted key."""
    allowed = {entry.name for entry in fields(options)}
    for key, value in vars(options).items():
        if key not in allowed:
            raise ConfigError(f"{above}{key}: no such key; allowed are {', '.join(sorted(allowed))}")
        if is_dataclass(value):
            known(value, f"{above}{key}.")


def check_names(config: Config) -> None:
    """A choice is made by its group (`method=dpo`); `method.name` only repeats it."""
    for group, known in (
        ("task", {name: options for name, (_, options) in TASKS.items()}),
        ("method", {name: method.options for name, method in METHODS.items()}),
        ("model", MODELS),
        ("credit", CREDIT),
    ):
        options = getattr(config, group)
        if type(options) is not known.get(options.name):
            names = [other for other, kind in known.items() if kind is type(options)]
            raise ConfigError(
                f"{group}.name={options.name}: allowed is {names[0]}; choose another by {group}={options.name}"
            )


def check_data(data: DataOptions) -> None:
    at_least("data.problems", data.problems, 1)
    at_least("data.traces", data.traces, 1)
    at_least("data.rollouts", data.rollouts, 1)
    for key in ("positives", "negatives"):
        between(f"data.{key}", getattr(data, key), 0, data.rollouts, f"0 to data.rollouts={data.rollouts}")
    if data.max_negatives is not None:
        at_least("data.max_negatives", data.max_negatives, 1)
    if data.rollout_block is not None:
        at_least("data.rollout_block", data.rollout_block, 1)
    above_zero("data.temperature", data.temperature)


def check_rollout_policy(policy: RolloutPolicyOptions) -> None:
    above_zero("rollout_policy.epochs", policy.epochs)
    above_zero("rollout_policy.learning_rate", policy.learning_rate)


def check_method(method: MethodOptions, data: DataOptions) -> None:
    above_zero("method.epochs", method.epochs)
    above_zero("method.learning_rate", method.learning_rate)
    for key, allowed in _METHOD_CHOICES.items():
        if hasattr(method, key):
            one_of(f"method.{key}", getattr(method, key), allowed)
    if hasattr(method, "best_of"):
        at_least("method.best_of", method.best_of, 1)
    for key in ("beta", "clip"):
        if hasattr(method, key):
            above_zero(f"method.{key}", getattr(method, key))
    if isinstance(method, PreferenceOptions):
        at_least("method.nll", method.nll, 0)
    for amount in ("positives", "negatives"):
        if amount in METHODS[method.name].uses and getattr(data, amount) == 0:
            raise ConfigError(f"data.{amount}=0: method={method.name} needs at least 1")


def check_trainer(trainer: TrainerOptions) -> None:
    size, parts, processes = trainer.batch_size, trainer.gradient_accumulation, trainer.num_processes
    for key in ("batch_size", "gradient_accumulation", "logging_steps", "num_processes"):
        at_least(f"trainer.{key}", getattr(trainer, key), 1)
    above_zero("trainer.max_loss", trainer.max_loss)
    if size % parts:
        raise ConfigError(f"trainer.gradient_accumulation={parts}: allowed are divisors of trainer.batch_size={size}")
    if size % (processes * parts):
        raise ConfigError(
            f"trainer.num_processes={processes}: times trainer.gradient_accumulation={parts}, "
            f"allowed are divisors of trainer.batch_size={size}"
        )
    one_of("trainer.sharding", trainer.sharding, ("none", "fsdp"))
    if trainer.sharding != "none" and processes == 1:
        raise ConfigError(f"trainer.sharding={trainer.sharding}: needs trainer.num_processes above 1")
    if trainer.sharding != "none" and trainer.gradient_checkpointing and trainer.lora.rank and trainer.lora.dropout:
        # accelerate recomputes activations without the random state: another mask than in the first pass
        raise ConfigError(
            f"trainer.lora.dropout={trainer.lora.dropout}: allowed is 0 with trainer.gradient_checkpointing and "
            f"trainer.sharding={trainer.sharding}"
        )
    one_of("trainer.dtype", trainer.dtype, ("float32", "bfloat16", "auto"))
    one_of("trainer.schedule", trainer.schedule, ("cosine", "linear", "constant", "constant_with_warmup"))
    for key in ("weight_decay", "max_grad_norm", "checkpoint_minutes"):
        at_least(f"trainer.{key}", getattr(trainer, key), 0)
    between("trainer.warmup_share", trainer.warmup_share, 0, 0.99, "0 to 0.99")


# The linear layers of a Llama, which a base that is made here is. A pretrained model is asked when it is opened.
_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def check_lora(lora: LoRAOptions, model: Any) -> None:
    at_least("trainer.lora.rank", lora.rank, 0)
    above_zero("trainer.lora.alpha", lora.alpha)
    between("trainer.lora.dropout", lora.dropout, 0, 0.99, "0 to 0.99")
    if isinstance(model, TinyOptions):
        for target in lora.target_modules:
            one_of("trainer.lora.target_modules", target, _LINEAR)


def check_engine(engine: EngineOptions) -> None:
    one_of("engine.name", engine.name, ("vllm",))
    at_least("engine.replicas", engine.replicas, 1)
    if engine.shard is not None:
        at_least("engine.shard", engine.shard, 1)
    elif engine.replicas > 1:
        raise ConfigError(f"engine.replicas={engine.replicas}: set engine.shard, the prompts that one samples together")
    one_of("engine.seeds", engine.seeds, ("call", "request"))
    if engine.block_size is not None and (engine.block_size < 1 or engine.block_size % 32):  # all that a CPU takes
        raise ConfigError(f"engine.block_size={engine.block_size}: allowed are multiples of 32")
    one_of("engine.dtype", engine.dtype, ("float32", "bfloat16", "float16", "auto"))
    for key in ("max_num_seqs", "max_batched_tokens", "memory_gib", "tensor_parallel_size"):
        at_least(f"engine.{key}", getattr(engine, key), 1)
    if engine.max_model_len is not None:
        at_least("engine.max_model_len", engine.max_model_len, 2)
    above_zero("engine.gpu_memory_share", engine.gpu_memory_share)
    between("engine.gpu_memory_share", engine.gpu_memory_share, 0, 1, "shares up to 1")


def check_evaluation(evaluation: EvaluationOptions) -> None:
    one_of("evaluation.split", evaluation.split, ("validation", "test"))
    if evaluation.problems is not None:
        at_least("evaluation.problems", evaluation.problems, 1)
    for k in evaluation.pass_at_k:
        at_least("evaluation.pass_at_k", k, 1)
    at_least("evaluation.difficulty_rollouts", evaluation.difficulty_rollouts, 0)
    above_zero("evaluation.temperature", evaluation.temperature)
    at_least("evaluation.samples", evaluation.samples, 0)
    if evaluation.samples and (k := max(evaluation.pass_at_k, default=0)) > evaluation.samples:
        raise ConfigError(f"evaluation.pass_at_k={k}: allowed are values up to evaluation.samples={evaluation.samples}")
    if evaluation.temperatures and not evaluation.samples:
        raise ConfigError("evaluation.samples=0: with evaluation.temperatures, allowed are values of at least 1")
    for temperature in evaluation.temperatures:
        above_zero("evaluation.temperatures", temperature)


def check_tracking(tracking: TrackingOptions) -> None:
    one_of("tracking.name", tracking.name, ("wandb", "none"))
    filled("tracking.project", tracking.project)
    one_of("tracking.mode", tracking.mode, ("auto", "online", "offline"))
    at_least("tracking.sampled_rows", tracking.sampled_rows, 0)


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
