"""What a sampling engine promises, and the one living engine of this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from synth_scaling.store import ADDED, UNKEYED


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


@dataclass(frozen=True, slots=True)
class Completion:
    """What was sampled after a prompt. `tokens` never hold the end token; `finished` says that it was produced."""

    tokens: tuple[int, ...]
    finished: bool


class Engine(Protocol):
    """Samples from one checkpoint at a time; loading another one swaps the weights."""

    def load(self, checkpoint: Path, context: int | None = None) -> None:
        """Sample from `checkpoint` (a Hugging Face folder with safetensors) from now on.

        `context`: the most tokens that a prompt has with its response and end token; None: as many as the model takes.
        Raises ValueError if the checkpoint lacks tensors of the one before it.
        """
        ...

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        n: int,
        temperature: float,
        max_tokens: Sequence[int],
        seed: int,
        first: Sequence[int] | None = None,
    ) -> list[list[Completion]]:
        """`n` completions of each of the token-id `prompts`; of prompt i at most `max_tokens[i]` long, end token aside.

        Temperature 0 is greedy. The same checkpoint, arguments and machine give the same completions, whatever the
        engine did before. With `engine.seeds=request` completions of a prompt are numbered, those of prompt i from
        `first[i]` on (0), and the number decides what is drawn; with `call` `first` says nothing.
        """
        ...

    def prefix_cache(self) -> tuple[int, int] | None:
        """Prompt tokens so far, and how many of them needed no computing: their keys and values were in the prefix
        cache. None if that is not known.
        """
        return None

    def close(self) -> None:
        """End it and free its memory; it is loaded again before it samples again."""
        ...


def hit_rate(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    """The share of prompt tokens between two readings of :meth:`Engine.prefix_cache` that were found there."""
    if before is None or after is None or before[0] == after[0]:
        return None
    return (after[1] - before[1]) / (after[0] - before[0])


_living: dict[str, Engine] = {}


def engine_for(options: EngineOptions) -> Engine:
    """The engine of this process for `options`, started on first use and kept for later runs of a sweep."""
    key = repr(options)
    if key not in _living:
        if options.name != "vllm":
            raise ValueError(f"engine.name={options.name}: allowed is vllm")
        close_engines()  # one engine at a time: the old one's memory goes first
        _living[key] = _made(options)
    return _living[key]


def _made(options: EngineOptions) -> Engine:
    if options.shard is None and not options.by_turns:
        from synth_scaling.sampling.vllm import VLLMEngine  # slow import, and only needed when sampling

        return VLLMEngine(options)
    from synth_scaling.sampling.replicas import Replicas

    return Replicas(options)


def close_engines() -> None:
    """End the engine of this process, if there is one."""
    for engine in _living.values():
        engine.close()
    _living.clear()
