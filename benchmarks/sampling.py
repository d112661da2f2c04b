"""Sampling speed: the framework against raw vLLM and against transformers' `generate` at its best batch size.

    python -m benchmarks.sampling [--quick] [--threads 1] [--seeds call] [--cases maze 6m]
    python -m benchmarks.sampling --threads 2 --cases rollouts rollouts_bfloat16 smollm2 smollm2_bfloat16

Timed on the framework's side: problems in, graded rows stored. Raw vLLM: the same prompts, already tokenized, through
the same engine's `LLM.generate`. transformers: the same prompts in batches of one size, the best of those tried. For
very small models the framework with `engine=transformers` is a fourth side. Only the tokens of completions count, not
what is computed after a completion's end. The sides take turns.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

SMALL = ("maze model",)  # cases for which `engine=transformers` is meant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer responses: a check that it runs, not a measurement")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="+", default=["maze", "6m"], help="also those of SmolLM2")
    parser.add_argument("--seeds", choices=("call", "request"), default="call", help="the framework's engine.seeds")
    parser.add_argument("--rounds", type=int, default=5, help="of the three sides (default %(default)s)")
    parser.add_argument("--profile", action="store_true", help="only where raw vLLM's time goes, by torch's profiler")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))  # before torch
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch

    from benchmarks.sampling_cases import CASES

    warnings.filterwarnings("ignore")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    unknown = set(options.cases) - set(CASES)
    if unknown:
        parser.error(f"--cases {min(unknown)}: allowed are {', '.join(CASES)}")
    print(f"{options.threads} thread(s), sides by turns, torch {torch.__version__}")
    for name in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            measure(name, Path(folder), options)


def measure(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Print the rates and ratios of a case."""
    import torch
    from transformers import AutoModelForCausalLM

    from benchmarks.sampling_cases import CASES, prepare
    from benchmarks.sampling_sides import Taken, framework, raw_vllm, timed, transformers_generate
    from synth_scaling.models.pretrained import end_tokens
    from synth_scaling.sampling.options import EngineOptions
    from synth_scaling.sampling.transformers_engine import TransformersEngine
    from synth_scaling.sampling.vllm import VLLMEngine

    case = CASES[name]
    prepared = prepare(case, folder, options.threads, case.documents // (4 if options.quick else 1))
    task, codec, checkpoint = prepared.task, prepared.codec, prepared.checkpoints[0]
    engine = VLLMEngine(EngineOptions(dtype=case.dtype, block_size=case.block_size, seeds=options.seeds))
    begin = time.perf_counter()
    engine.load(checkpoint, prepared.context)
    start = time.perf_counter() - begin
    swaps = []
    for target in [*prepared.checkpoints[1:], checkpoint] * 3 if len(prepared.checkpoints) > 1 else []:
        begin = time.perf_counter()
        engine.load(target, prepared.context)
        swaps.append(time.perf_counter() - begin)

    problems = task.problems("test", case.problems // (8 if options.quick else 1), 0)
    prompts = [codec.encode_prompt(problem) for problem in problems]
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=getattr(torch, case.dtype))
    sizes = [size for size in case.batch_sizes if size <= len(prompts) * case.samples] or [case.batch_sizes[0]]
    ends = end_tokens(checkpoint)

    def generate(size: int) -> Taken:
        return timed(lambda: transformers_generate(model, prompts, case.samples, case.limit, size, ends))

    framework(engine, task, codec, problems[:32], case.samples, folder)  # warm
    if options.profile:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            raw_vllm(engine, prompts, case.samples, case.limit)
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=8, max_name_column_width=40))
        engine.close()
        return
    transformers_generate(model, prompts[:8], 1, case.limit, 8, ends)
    tried = {size: generate(size) for size in sizes}
    best = min(sizes, key=lambda size: tried[size].cpu / tried[size].tokens)
    sides: dict[str, Callable[[], Taken]] = {
        "framework": lambda: timed(lambda: framework(engine, task, codec, problems, case.samples, folder)),
        "raw vLLM": lambda: timed(lambda: raw_vllm(engine, prompts, case.samples, case.limit)),
        f"generate, batches of {best}": lambda: generate(best),
    }
    if case.name in SMALL:
        small = TransformersEngine(EngineOptions(name="transformers", dtype=case.dtype, seeds="request"))
        small.load(checkpoint)
        framework(small, task, codec, problems[:32], case.samples, folder)  # warm
        sides["engine=transformers"] = lambda: timed(
            lambda: framework(small, task, codec, problems, case.samples, folder)
        )
    taken: dict[str, list[Taken]] = {side: [] for side in sides}
    for _ in range(min(3, options.rounds) if options.quick else options.rounds):
        for side, draw in sides.items():
            taken[side].append(draw())
    engine.close()

    length = taken["framework"][0].tokens / len(prompts) / case.samples
    print(f"\n{case.name}: {len(prompts) * case.samples} responses of {length:.1f} tokens on average")
    tokens = ", ".join(f"{size}: {t.tokens / t.cpu:,.0f}" for size, t in tried.items())
    print(f"  generate's tokens a CPU second by batch size: {tokens}")
    print(f"  {'':26}{'tokens/s':>10}{'ratio of framework':>20}{'CPU ratio':>11}{'target':>8}")
    ours = taken["framework"]
    for side, theirs in taken.items():
        wall = median([a.rate / b.rate for a, b in zip(ours, theirs, strict=True)])
        cpu = median([a.tokens / a.cpu / (b.tokens / b.cpu) for a, b in zip(ours, theirs, strict=True)])
        goal = {"framework": "", "raw vLLM": "0.95", "engine=transformers": ""}.get(side, f"{case.target:.1f}")
        print(f"  {side:26}{median([t.rate for t in theirs]):10,.0f}{wall:20.2f}{cpu:11.2f}{goal:>8}", flush=True)
    swap = f"; weight swap {median(swaps):.2f} s (target below 1)" if swaps else ""
    words = " with vLLM's import" if name == options.cases[0] else ""
    print(f"  engine start {start:.1f} s{words}{swap}", flush=True)


if __name__ == "__main__":
    main()
