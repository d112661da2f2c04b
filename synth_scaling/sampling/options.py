"""Options of the sampling engine, conf/engine/*.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field

from synth_scaling.core.hashing import ADDED, UNKEYED


@dataclass
class EngineOptions:
    """conf/engine/*.yaml. `memory_gib` is the KV cache on CPU; on GPUs `gpu_memory_share` of the device is taken."""

    name: str = "vllm"
    dtype: str = "float32"  # "float32", "bfloat16", "float16", or "auto": bfloat16 where CUDA has it, else float32
    max_num_seqs: int = 1024  # [sequences] in flight at a time
    max_batched_tokens: int = 8192  # [tokens] of one forward pass at most
    memory_gib: int = 1  # [GiB] of the KV cache on CPU
    gpu_memory_share: float = 0.5  # share of a GPU's memory that the engine takes
    tensor_parallel_size: int = 1  # [GPUs] that one engine is split over
    eager: bool = True  # no CUDA graphs
    # [tokens] of prompt and response; null: as many as the task allows
    max_model_len: int | None = field(default=None, metadata=ADDED)
    # [tokens] of a block of the KV cache; null: vLLM's own
    block_size: int | None = field(default=None, metadata=ADDED)
    # "call": one seed per call; "request": one per completion, whatever else is sampled
    seeds: str = field(default="call", metadata=ADDED)
    # [prompts] sampled together, with a seed per shard; null: all
    shard: int | None = field(metadata=ADDED, default=None)
    replicas: int = field(metadata=UNKEYED, default=1)  # engines, one per device, that share the shards
    by_turns: bool = field(metadata=UNKEYED, default=False)  # the engine ends before a training that needs its device
