"""Options of the sampling engine, conf/engine/*.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field

from synth_scaling.core.hashing import ADDED, UNKEYED


@dataclass
class EngineOptions:
    """conf/engine/*.yaml. `memory_gib` is the KV cache on CPU; on GPUs `gpu_memory_share` of the device is taken."""

    name: str = "vllm"
    dtype: str = "float32"  # or "bfloat16", "float16", or "auto": bfloat16 where CUDA has it
    max_num_seqs: int = 1024
    max_batched_tokens: int = 8192
    memory_gib: int = 1
    gpu_memory_share: float = 0.5
    tensor_parallel_size: int = 1
    eager: bool = True
    max_model_len: int | None = field(
        default=None, metadata=ADDED
    )  # tokens of prompt and response; null: as many as the task allows
    block_size: int | None = field(default=None, metadata=ADDED)  # tokens of a block of the KV cache; null: vLLM's own
    seeds: str = field(default="call", metadata=ADDED)  # or "request": of each completion, whatever else is sampled
    shard: int | None = field(metadata=ADDED, default=None)  # prompts sampled together, with a seed of their own
    replicas: int = field(metadata=UNKEYED, default=1)  # engines, one a device, that share the shards
    by_turns: bool = field(metadata=UNKEYED, default=False)  # the engine ends before a training that needs its device
