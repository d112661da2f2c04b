"""The base model of an embedded task: a random Llama trained on the task's corpus, never on a held-out problem."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from synth_scaling.core.records import NLLRow
from synth_scaling.core.stage import Cost
from synth_scaling.models.codec import Codec
from synth_scaling.models.tiny_llama import TinyLlama, create_tiny_llama
from synth_scaling.tasks.task import EmbeddedTask
from synth_scaling.training.nll import train_nll
from synth_scaling.training.options import LoRAOptions, TrainerOptions
from synth_scaling.training.trainer import RESUME, Curve, Training


def pretrain(
    task: EmbeddedTask,
    shape: TinyLlama,
    folder: Path,
    *,
    documents: int,
    batch_size: int,
    learning_rate: float,
    prompts: bool = True,
    trainer: TrainerOptions,
    seed: int,
    threads: int,
    curve: Curve = lambda point: None,
) -> Cost:
    """Train a random Llama for one pass over `documents` documents of the corpus (0: random weights) into `folder`.

    Without `prompts` the loss covers the tokens after a document's prompt only. Returns the cost.
    """
    if documents == 0:
        create_tiny_llama(folder, task, shape, seed)
        return Cost()
    with tempfile.TemporaryDirectory(dir=folder) as start:
        create_tiny_llama(Path(start), task, shape, seed)
        codec = Codec(Path(start))
        corpus = itertools.islice(task.corpus(np.random.default_rng([seed, 7])), documents)
        begins, ends = zip(*refuse_held_out(task, corpus), strict=True)
        if prompts:
            rows = [
                NLLRow((), tokens, True)
                for tokens in codec.encode_all([a + b for a, b in zip(begins, ends, strict=True)])
            ]
        else:
            encoded = zip(codec.encode_all(begins), codec.encode_all(ends), strict=True)
            rows = [NLLRow(prompt, tokens, True) for prompt, tokens in encoded]
        options = replace(trainer, batch_size=batch_size, warmup_share=0.02, logging_steps=100, lora=LoRAOptions())
        training = Training(Path(start), 1.0, learning_rate, seed, options, threads, folder / RESUME)
        return train_nll(rows, training, folder, curve)


def refuse_held_out(task: EmbeddedTask, corpus: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """The documents of `corpus`. Raises RuntimeError at one about a validation or test problem."""
    held_out = {p.prompt for split in ("validation", "test") for p in task.problems(split, None, 0)}
    for prompt, continuation in corpus:
        if prompt in held_out:
            raise RuntimeError(f"the corpus of task={task.name} has a held-out problem: {prompt!r}")
        yield prompt, continuation
