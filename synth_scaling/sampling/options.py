"""Options of the sampling engine, conf/engine/*.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field

from synth_scaling.core.hashing import ADDED, UNKEYED
from synth_scaling.core.validation import ConfigError, above_zero, at_least, between, one_of


@dataclass
class EngineOptions:
    """conf/engine/*.yaml. `memory_gib` is the KV cache on CPU; on GPUs `gpu_memory_share` of the device is taken.

    `transformers` reads `dtype` and `max_num_seqs` alone: no start, no sharing of prompts.
    """

    name: str = "vllm"  # or "transformers", for models below about a million parameters
    dtype: str = "float32"  # "float32", "bfloat16", "float16", or "auto": bfloat16 where CUDA has it, else float32
    max_num_seqs: int = 1024  # [sequences] in flight at a time
    max_batched_tokens: int = 8192  # [tokens] of one forward pass at most
    memory_gib: int = 1  # [GiB] of the KV cache on CPU
    gpu_memory_share: float = 0.5  # share of a GPU's memory that the engine takes
    tensor_parallel_size: int = 1  # [GPUs] that one engine is split over
    eager: bool = True  # no CUDA graphs
    # [tokens] of prompt and response; null: as many as the task allows
    max_model_len: int | None = field(default=None, metadata=ADDED)
    # [tokens] of a block of the KV cache; null: vLLM's default
    block_size: int | None = field(default=None, metadata=ADDED)
    # "call": one seed per call; "request": one per completion, whatever else is sampled
    seeds: str = field(default="call", metadata=ADDED)
    # [prompts] sampled together, with a seed per shard; null: all
    shard: int | None = field(metadata=ADDED, default=None)
    replicas: int = field(metadata=UNKEYED, default=1)  # engines, one per device, that share the shards
    by_turns: bool = field(metadata=UNKEYED, default=False)  # the engine ends before a training that needs its device


def check_engine(engine: EngineOptions) -> None:
    """Refuse options that are invalid, alone or together. Raises ConfigError."""
    one_of("engine.name", engine.name, ("vllm", "transformers"))
    if engine.name == "transformers":
        _check_transformers(engine)
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


def _check_transformers(engine: EngineOptions) -> None:
    for key, allowed in {"seeds": "request", "shard": None, "replicas": 1, "by_turns": False}.items():
        if (value := getattr(engine, key)) != allowed:
            word = "null" if allowed is None else str(allowed).lower()
            raise ConfigError(f"engine.{key}={value}: allowed with engine.name=transformers is {word}")


def engine_gpus(engine: EngineOptions) -> int:
    """GPUs of the engine's processes; 0 for an engine that runs on a CPU, too.

    CUDA graphs (`eager=false`) and an engine that is split over several devices need GPUs. Several engines alone do
    not: they may share the cores.
    """
    needs_gpus = engine.name == "vllm" and (not engine.eager or engine.tensor_parallel_size > 1)
    return engine.replicas * engine.tensor_parallel_size if needs_gpus else 0


def check_engine_gpus(engine: EngineOptions, available: int) -> None:
    """Refuse an engine that needs more GPUs than are `available`. Raises ConfigError."""
    if (needed := engine_gpus(engine)) <= available:
        return
    why = f"engine.eager={engine.eager}"
    if engine.tensor_parallel_size > 1:
        why = f"engine.tensor_parallel_size={engine.tensor_parallel_size}"
    times = "" if engine.replicas == 1 else f" with engine.replicas={engine.replicas}"
    allowed = "allowed on a CPU is engine=vllm" if not available else f"allowed are up to {available}"
    raise ConfigError(
        f"{why}: needs {needed} GPU{'s' * (needed > 1)}{times}, and this machine has {available or 'none'}; {allowed}"
    )
