"""Parts that train: all weights, or an adapter, through the framework's own trainer, with the time of each step."""

from __future__ import annotations

import shutil
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from synth_scaling.certificate.inputs import MODEL, teacher_rows
from synth_scaling.certificate.part import Measures, Setup
from synth_scaling.core.records import NLLRow
from synth_scaling.training.launch import train
from synth_scaling.training.options import LoRAOptions, TrainerOptions
from synth_scaling.training.trainer import Training

ADAPTED = "adapted"  # folder of the checkpoint that the sampling parts swap in


def train_policy(setup: Setup, *, rank: int, target: str | None = None, **options: object) -> Measures:
    """Train on the teacher's solutions for a few steps; tokens per second leave out the first step.

    In bfloat16, or in float32 on a CPU that emulates it.
    The checkpoint stays in the check's folder as `target`, or is removed. Raises FloatingPointError if it diverges.
    """
    batch, steps = (8, 3) if setup.small else (128, 12)
    rows = teacher_rows(setup, batch * steps)
    chosen = TrainerOptions(
        batch_size=batch,
        gradient_accumulation=1 if setup.small else 4,
        dtype="float32" if setup.slow_bfloat16 else "bfloat16",
        logging_steps=1,
        schedule="constant",
        lora=LoRAOptions(rank=rank),
        **options,  # type: ignore[arg-type]
    )
    folder = setup.path / (target or "trained")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    times, losses = [time.perf_counter()], []

    def note(point: dict) -> None:
        times.append(time.perf_counter())
        losses.append(point["loss"])

    rate = 1e-3 if rank else 2e-5
    training = Training(setup.path / MODEL, 1, rate, seed=0, options=chosen, threads=setup.threads)
    train(rows, training, folder, curve=note)  # type: ignore[arg-type]
    if target is None:
        shutil.rmtree(folder)
    taken = [after - before for before, after in pairwise(times[1:])]
    return {
        "dtype": chosen.dtype,
        "tokens_per_second": _tokens(rows) / steps / median(taken),
        "seconds_per_step": median(taken),
        "first_step_seconds": times[1] - times[0],
        "tokens_per_step": _tokens(rows) / steps,
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }


def _tokens(rows: list[NLLRow]) -> int:
    return sum(len(row.prompt) + len(row.completion) + row.ends for row in rows)


train_full = partial(train_policy, rank=0)
train_lora = partial(train_policy, rank=16, target=ADAPTED)
train_compiled = partial(train_policy, rank=16, compile=True)


def trained_checkpoint(setup: Setup) -> Path:
    """The checkpoint of :data:`train_lora`."""
    return setup.path / ADAPTED
