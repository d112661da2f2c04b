"""Options for speed side by side: SmolLM2-135M with LoRA, rows of 73 tokens, 8 in a batch, bfloat16, one thread.

    python -m benchmarks.training_speed [--model FOLDER] [--steps 6] [--repetitions 3] [--pairs]

Each variant trains the same rows through the framework's trainer; variants take turns. A line gives the median over
all steps but the first (which compiles) of the seconds per step, on the wall clock and of this process alone, which
other work on the machine disturbs less; the seconds until the first step is done; the peak memory of the training in
this process; and the largest difference in loss to the first variant. With --pairs: step_dpo's pairs, a prompt of 56
tokens before 17 and 6, its reference pass apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import numpy as np

from synth_scaling.core.records import NLLRow, PreferenceRow
from synth_scaling.core.stage import Cost
from synth_scaling.models.smollm2 import convert
from synth_scaling.system.usage import measured
from synth_scaling.training.launch import Preference, train
from synth_scaling.training.options import LoRAOptions, TrainerOptions
from synth_scaling.training.trainer import Training

PROMPT, RESPONSE, REJECTED, BATCH = 56, 17, 6, 8

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "eager": {"attention": "eager"},
    "compiled": {"compile": True},
    "eager, compiled": {"attention": "eager", "compile": True},
    "eager, compiled, trained logits": {"attention": "eager", "compile": True, "trained_logits": True},
}
PAIR_VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "shared prompts": {"shared_prompts": True},
    "eager, compiled": {"attention": "eager", "compile": True},
    "eager, compiled, shared prompts": {"attention": "eager", "compile": True, "shared_prompts": True},
}


@dataclass
class Taken:
    wall: list[float] = field(default_factory=list)  # of each step but the first
    cpu: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)  # from the call until the first step is done
    memory: list[float] = field(default_factory=list)  # GiB
    losses: list[float] = field(default_factory=list)  # of the last repetition


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="default: SmolLM2-135M from its wheel")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", action="store_true", help="DPO in place of NLL")
    options = parser.parse_args()
    variants = PAIR_VARIANTS if options.pairs else VARIANTS
    rows = make_rows(options.steps, options.pairs)
    taken = {name: Taken() for name in variants}
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or Path(folder) / "model"
        if options.model is None:
            model.mkdir()
            convert(model)
        for _ in range(options.repetitions):
            for name, variant in variants.items():
                train_once(rows, model, variant, options.threads, taken[name])
    kind = "pairs" if options.pairs else "rows"
    print(f"{BATCH} {kind} per step, {options.threads} thread(s), {options.repetitions} x {options.steps} steps")
    print(f"{'':34}{'s per step':>11}{'CPU s':>8}{'first':>8}{'GiB':>7}{'loss differs by':>17}")
    plain = next(iter(taken.values()))
    for name, t in taken.items():
        gap = max(abs(a - b) for a, b in zip(t.losses, plain.losses, strict=True))
        print(
            f"{name:34}{median(t.wall):11.2f}{median(t.cpu):8.2f}{median(t.first):8.1f}{max(t.memory):7.2f}{gap:17.4f}",
            flush=True,
        )


def make_rows(steps: int, pairs: bool) -> list[Any]:
    """Random texts of the lengths of `word_stories`: prompts and responses differ by up to a quarter in length."""
    rng = np.random.default_rng(0)

    def text(length: int) -> tuple[int, ...]:
        return tuple(rng.integers(20, 40_000, round(length * rng.uniform(0.75, 1.25))).tolist())

    if pairs:
        return [PreferenceRow(text(PROMPT), text(RESPONSE), True, text(REJECTED), False) for _ in range(BATCH * steps)]
    return [NLLRow(text(PROMPT), text(RESPONSE), True) for _ in range(BATCH * steps)]


def train_once(rows: list[Any], model: Path, variant: dict[str, Any], threads: int, taken: Taken) -> None:
    lora = LoRAOptions(rank=16, target_modules=["q_proj", "v_proj"])
    options = TrainerOptions(batch_size=BATCH, dtype="bfloat16", logging_steps=1, lora=lora, **variant)
    preference = Preference(beta=0.1, nll=1.0) if isinstance(rows[0], PreferenceRow) else None
    wall, cpu = [time.perf_counter()], [time.process_time()]
    taken.losses = []

    def note(point: Any) -> None:
        wall.append(time.perf_counter())
        cpu.append(time.process_time())
        taken.losses.append(point["loss"])

    def make(folder: Path) -> tuple[Cost, dict[str, Any]]:
        return train(rows, Training(model, 1, 2e-4, 0, options, threads), folder, preference, note), {}

    with tempfile.TemporaryDirectory() as folder:
        cost, _ = measured(make, 1)(Path(folder))
    taken.first.append(wall[1] - wall[0])
    taken.wall += np.diff(wall[1:]).tolist()
    taken.cpu += np.diff(cpu[1:]).tolist()
    taken.memory.append(cost.peak_memory / 2**30)


if __name__ == "__main__":
    main()
