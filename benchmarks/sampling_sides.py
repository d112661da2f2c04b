"""The three sides of the sampling benchmark: each draws responses to the same problems and says how many tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from synth_scaling.core.records import Problem, Response, write_table
from synth_scaling.models.codec import Codec
from synth_scaling.sampling.engine import Engine
from synth_scaling.sampling.sampler import Sampler
from synth_scaling.sampling.vllm import VLLMEngine
from synth_scaling.tasks import Task


@dataclass(frozen=True)
class Taken:
    """One measurement."""

    tokens: int
    wall: float
    cpu: float  # seconds of this process, all threads

    @property
    def rate(self) -> float:
        return self.tokens / self.wall


def timed(draw: Callable[[], int]) -> Taken:
    """Seconds of `draw`, which returns how many tokens it drew."""
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = draw()
    return Taken(tokens, time.perf_counter() - wall, time.process_time() - cpu)


def framework(engine: Engine, task: Task, codec: Codec, problems: Sequence[Problem], samples: int, folder: Path) -> int:
    """Problems in, graded rows stored."""
    rows, _ = Sampler(engine, task, codec, 1, temperature=1.0, seed=0).responses(problems, samples)
    write_table(folder / "responses.parquet", rows, Response)
    return sum(len(row.tokens) for row in rows)


def raw_vllm(engine: VLLMEngine, prompts: Sequence[tuple[int, ...]], samples: int, limit: int) -> int:
    from vllm import SamplingParams

    ends = engine._ends
    params = SamplingParams(n=samples, temperature=1.0, max_tokens=limit + 1, stop_token_ids=ends, detokenize=False)
    requests = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
    engine._llm.reset_prefix_cache()
    outputs = engine._llm.generate(requests, params, use_tqdm=False)
    return sum(tokens_before_end(list(c.token_ids), limit, ends) for output in outputs for c in output.outputs)


def transformers_generate(
    model: PreTrainedModel,
    prompts: Sequence[tuple[int, ...]],
    samples: int,
    limit: int,
    batch_size: int,
    ends: Sequence[int],
) -> int:
    """The prompts by length, so that little is padded, on the left."""
    repeated = sorted((prompt for prompt in prompts for _ in range(samples)), key=len)
    tokens = 0
    for start in range(0, len(repeated), batch_size):
        batch = repeated[start : start + batch_size]
        longest = max(map(len, batch))
        ids = torch.tensor([(0,) * (longest - len(prompt)) + prompt for prompt in batch])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in batch])
        actual = model.generate(
            ids,
            attention_mask=mask,
            do_sample=True,
            top_k=0,
            max_new_tokens=limit + 1,
            eos_token_id=list(ends),
            pad_token_id=ends[0],
        )
        tokens += sum(tokens_before_end(row, limit, ends) for row in actual[:, longest:].tolist())
    return tokens


def tokens_before_end(tokens: list[int], limit: int, ends: Sequence[int]) -> int:
    """The number of tokens of a completion before its end, up to the limit."""
    return next((i for i, token in enumerate(tokens) if token in ends), min(len(tokens), limit))
