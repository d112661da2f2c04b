"""Sampling speed: the framework against raw vLLM and against transformers' `generate` at its best batch size.

    python -m benchmarks.sampling [--quick] [--threads 1]

Timed on the framework's side: problems in, graded rows out. Raw vLLM: the same prompts, already tokenized, through the
same engine's `LLM.generate`. transformers: the same prompts in batches of one size, the best of those tried. Only the
tokens of completions count, not what is computed after a completion's end. The three sides take turns.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from synth_scaling.codec import Codec
from synth_scaling.models import TinyLlama, create_tiny_llama
from synth_scaling.records import Problem
from synth_scaling.sampling import EngineOptions
from synth_scaling.sampling.rollouts import sample_responses
from synth_scaling.sampling.vllm import VLLMEngine
from synth_scaling.tasks.maze import Maze, MazeOptions
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.pretrain import pretrain

EOS, PAD = 1, 0


@dataclass(frozen=True)
class Case:
    """A model, and how many responses of it are drawn. Without `documents` its weights are random."""

    name: str
    shape: TinyLlama
    documents: int
    problems: int
    samples: int
    limit: int  # tokens a response at most
    batch_sizes: tuple[int, ...]  # tried for transformers
    target: float  # against transformers


CASES = (
    Case("maze model", TinyLlama(64, 4, 2, 128), 8000, 1000, 4, 14, (64, 256, 512, 1024), 1.0),
    Case("6 M parameters", TinyLlama(256, 8, 8, 688), 0, 256, 2, 32, (64, 128, 256, 512), 1.5),
)


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


# -- the three sides -----------------------------------------------------------------------------------------------


def framework(engine: VLLMEngine, maze: Maze, codec: Codec, problems: Sequence[Problem], samples: int) -> int:
    rows, _ = sample_responses(engine, maze, codec, problems, 1, n=samples, temperature=1.0, seed=0)
    return sum(len(row.tokens) for row in rows)


def raw_vllm(engine: VLLMEngine, prompts: Sequence[tuple[int, ...]], samples: int, limit: int) -> int:
    from vllm import SamplingParams

    params = SamplingParams(n=samples, temperature=1.0, max_tokens=limit + 1, stop_token_ids=[EOS], detokenize=False)
    requests = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
    engine._llm.reset_prefix_cache()
    outputs = engine._llm.generate(requests, params, use_tqdm=False)
    return sum(kept(list(c.token_ids), limit) for output in outputs for c in output.outputs)


def transformers_generate(
    model: PreTrainedModel, prompts: Sequence[tuple[int, ...]], samples: int, limit: int, batch_size: int
) -> int:
    """The prompts have one length, so nothing is padded on the left."""
    repeated = torch.tensor([prompt for prompt in prompts for _ in range(samples)])
    tokens = 0
    for ids in repeated.split(batch_size):
        found = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            top_k=0,
            max_new_tokens=limit + 1,
            eos_token_id=EOS,
            pad_token_id=PAD,
        )
        tokens += sum(kept(row, limit) for row in found[:, ids.shape[1] :].tolist())
    return tokens


def kept(tokens: list[int], limit: int) -> int:
    """How many tokens of a completion count: those before its end, up to the limit."""
    return tokens.index(EOS) if EOS in tokens else min(len(tokens), limit)


# -- the measurement -----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer responses: a check that it runs, not a measurement")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    engine = VLLMEngine(EngineOptions())
    print(f"{options.threads} thread(s), sides by turns, torch {torch.__version__}")
    for case in CASES:
        # A response's limit is the task's own: the slack gives it.
        maze = Maze(MazeOptions(slack=case.limit - MazeOptions.max_distance))
        with tempfile.TemporaryDirectory() as folder:
            checkpoints = [Path(folder) / name for name in ("one", "other")]
            for seed, checkpoint in enumerate(checkpoints):
                make_model(case, maze, checkpoint, seed, options.threads, case.documents // (4 if options.quick else 1))
            measure(case, maze, engine, checkpoints, options.quick)


def make_model(case: Case, maze: Maze, folder: Path, seed: int, threads: int, documents: int) -> None:
    folder.mkdir()
    if not documents or seed:  # the other checkpoint is only there to be swapped in
        create_tiny_llama(folder, maze, case.shape, seed)
        return
    pretrain(
        maze,
        case.shape,
        folder,
        documents=documents,
        batch_size=64,
        learning_rate=3e-3,
        trainer=TrainerOptions(),
        seed=seed,
        threads=threads,
    )


def measure(case: Case, maze: Maze, engine: VLLMEngine, checkpoints: Sequence[Path], quick: bool) -> None:
    checkpoint, other = checkpoints
    begin = time.perf_counter()
    engine.load(checkpoint)
    start = time.perf_counter() - begin
    swaps = []
    for target in [other, checkpoint] * 3:
        begin = time.perf_counter()
        engine.load(target)
        swaps.append(time.perf_counter() - begin)

    codec = Codec(checkpoint)
    problems = maze.problems("test", case.problems // (8 if quick else 1), 0)
    prompts = [codec.encode(problem.prompt) for problem in problems]
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    sizes = [size for size in case.batch_sizes if size <= len(prompts) * case.samples] or [case.batch_sizes[0]]

    def generate(size: int) -> Taken:
        return timed(lambda: transformers_generate(model, prompts, case.samples, case.limit, size))

    timed(lambda: framework(engine, maze, codec, problems[:32], case.samples))  # warm
    transformers_generate(model, prompts[:8], 1, case.limit, 8)
    tried = {size: generate(size) for size in sizes}
    best = min(sizes, key=lambda size: tried[size].cpu)
    sides: dict[str, Callable[[], Taken]] = {
        "framework": lambda: timed(lambda: framework(engine, maze, codec, problems, case.samples)),
        "raw vLLM": lambda: timed(lambda: raw_vllm(engine, prompts, case.samples, case.limit)),
        f"generate, batches of {best}": lambda: generate(best),
    }
    taken: dict[str, list[Taken]] = {name: [] for name in sides}
    for _ in range(3 if quick else 5):
        for name, side in sides.items():
            taken[name].append(side())

    length = taken["framework"][0].tokens / len(prompts) / case.samples
    print(f"\n{case.name}: {len(prompts) * case.samples} responses of {length:.1f} tokens on average")
    tokens = ", ".join(f"{size}: {t.tokens / t.cpu:,.0f}" for size, t in tried.items())
    print(f"  generate's tokens a CPU second by batch size: {tokens}")
    print(f"  {'':26}{'tokens/s':>10}{'ratio of framework':>20}{'CPU ratio':>11}{'target':>8}")
    ours = taken["framework"]
    for name, theirs in taken.items():
        wall = median([a.rate / b.rate for a, b in zip(ours, theirs, strict=True)])
        cpu = median([a.tokens / a.cpu / (b.tokens / b.cpu) for a, b in zip(ours, theirs, strict=True)])
        target = {"framework": "", "raw vLLM": "0.95"}.get(name, f"{case.target:.1f}")
        print(f"  {name:26}{median([t.rate for t in theirs]):10,.0f}{wall:20.2f}{cpu:11.2f}{target:>8}", flush=True)
    words = "with vLLM's import" if case is CASES[0] else "anew, for another architecture"
    print(f"  engine start {start:.1f} s ({words}); weight swap {median(swaps):.2f} s (target below 1)", flush=True)


if __name__ == "__main__":
    main()
