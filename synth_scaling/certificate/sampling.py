"""Parts that sample: vLLM's start, its speed, weights swapped in place, and log-probabilities of sampled tokens."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from synth_scaling.certificate.inputs import CONTEXT, MODEL, codec_of, task_and_problems
from synth_scaling.certificate.part import Measures, Setup
from synth_scaling.certificate.training import trained_checkpoint
from synth_scaling.sampling.options import EngineOptions

GREEDY_TOKENS = 48


@dataclass(frozen=True)
class Sampled:
    """One response at temperature 1 and the engine's log-probability of each of its tokens, an end token included."""

    prompt: list[int]
    tokens: list[int]
    log_probs: list[float]


def samples_file(setup: Setup, dtype: str, graphs: bool) -> Path:
    return setup.path / f"samples_{dtype}_{'graphs' if graphs else 'eager'}.json"


def sample(setup: Setup, *, dtype: str, graphs: bool) -> Measures:
    """Start an engine, sample at temperature 1, swap to the trained checkpoint and back.

    Raises AssertionError if greedy responses after the swap back differ from those before, in any token.
    """
    from synth_scaling.sampling.vllm import VLLMEngine

    prompts_, n, limit = (8, 4, 48) if setup.small else (256, 8, 128)
    codec = codec_of(setup)
    prompts = [codec.encode_prompt(p) for p in task_and_problems(prompts_)[1]]
    engine = VLLMEngine(EngineOptions(dtype=dtype, eager=not graphs, max_num_seqs=512, gpu_memory_share=0.5))
    begin = time.perf_counter()
    engine.load(setup.path / MODEL, CONTEXT)
    start = time.perf_counter() - begin
    try:
        limits = [limit] * len(prompts)
        if not setup.small:
            engine.sample(prompts, n=n, temperature=1.0, max_tokens=limits, seed=1)  # warms up
        begin = time.perf_counter()
        rows = engine.sample(prompts, n=n, temperature=1.0, max_tokens=limits, seed=0)
        seconds, tokens = time.perf_counter() - begin, sum(len(c.tokens) + c.finished for row in rows for c in row)
        measures = {"start_seconds": start, "tokens_per_second": tokens / seconds, "tokens": tokens}

        before = _greedy(engine, prompts)
        begin = time.perf_counter()
        engine.load(trained_checkpoint(setup), CONTEXT)
        measures["swap_seconds"] = time.perf_counter() - begin
        actual = sampled_log_probs(engine, prompts, CONTEXT // 2 if not setup.small else limit)
        samples_file(setup, dtype, graphs).write_text(json.dumps([asdict(row) for row in actual]))
        trained = _greedy(engine, prompts)
        engine.load(setup.path / MODEL, CONTEXT)
        after = _greedy(engine, prompts)
        assert trained != before, "the trained checkpoint gives the base model's greedy responses: was it loaded?"
        changed = sum(a != b for a, b in zip(after, before, strict=True))
        assert not changed, f"{changed} of {len(prompts)} greedy responses differ after the weights were swapped back"
        return measures | {"greedy_equal_after_swap": True}
    finally:
        engine.close()


def _greedy(engine: Any, prompts: list[tuple[int, ...]]) -> list[Any]:
    return engine.sample(prompts, n=1, temperature=0.0, max_tokens=[GREEDY_TOKENS] * len(prompts), seed=0)


def sampled_log_probs(engine: Any, prompts: list[tuple[int, ...]], limit: int) -> list[Sampled]:
    """A response at temperature 1 for each prompt, from the checkpoint that the engine holds."""
    import torch
    from vllm import SamplingParams

    engine._llm.reset_prefix_cache()  # of the weights before a swap: as VLLMEngine.sample does at each call
    torch.manual_seed(0)
    params = SamplingParams(
        temperature=1.0, max_tokens=limit, logprobs=0, stop_token_ids=engine._ends, detokenize=False
    )
    outputs = engine._llm.generate([{"prompt_token_ids": list(p)} for p in prompts], params, use_tqdm=False)
    actual = []
    for prompt, output in zip(prompts, outputs, strict=True):
        (c,) = output.outputs
        values = [step[token].logprob for step, token in zip(c.logprobs, c.token_ids, strict=True)]
        actual.append(Sampled(list(prompt), list(c.token_ids), values))
    return actual


def read_samples(file: Path) -> list[Sampled]:
    return [Sampled(**row) for row in json.loads(file.read_text())]


sample_graphs = partial(sample, dtype="bfloat16", graphs=True)
sample_eager = partial(sample, dtype="bfloat16", graphs=False)
sample_float32 = partial(sample, dtype="float32", graphs=False)
