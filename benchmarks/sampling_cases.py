"""The cases of the sampling benchmark: models trained or created here, and SmolLM2-135M from its wheel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synth_scaling.models.codec import Codec
from synth_scaling.models.prompts import PromptFormat
from synth_scaling.models.smollm2 import convert
from synth_scaling.models.tiny_llama import TinyLlama, create_tiny_llama
from synth_scaling.tasks import Task
from synth_scaling.tasks.maze import Maze, MazeOptions
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.pretrain import pretrain


@dataclass(frozen=True)
class Case:
    """A model and the number of responses to sample from it. No shape: SmolLM2; no `documents`: random weights."""

    name: str
    shape: TinyLlama | None
    documents: int
    problems: int
    samples: int
    limit: int  # tokens a response at most
    batch_sizes: tuple[int, ...]  # tried for transformers
    target: float  # against transformers
    dtype: str = "float32"
    block_size: int | None = None  # of the engine's KV cache; None: vLLM's own


CASES = {
    "maze": Case("maze model", TinyLlama(64, 4, 2, 128), 8000, 1000, 4, 14, (64, 256, 512, 1024), 1.0),
    "6m": Case("6 M parameters", TinyLlama(256, 8, 8, 688), 0, 256, 2, 32, (64, 128, 256, 512), 1.5),
    "smollm2": Case("SmolLM2-135M", None, 0, 64, 1, 32, (16, 32, 64), 2.5),
    "smollm2_bfloat16": Case("SmolLM2-135M, bfloat16", None, 0, 64, 1, 32, (16, 32, 64), 2.5, "bfloat16"),
    # As rollouts are drawn: M = 16 of a problem, whose prompt is read once where blocks are short enough to be shared.
    "rollouts": Case("SmolLM2-135M, 16 a problem", None, 0, 16, 16, 32, (64, 128), 2.5, "float32", 32),
    "rollouts_bfloat16": Case(
        "SmolLM2-135M, bfloat16, 16 a problem", None, 0, 16, 16, 32, (64, 128, 256), 2.5, "bfloat16", 32
    ),
}


@dataclass(frozen=True)
class Prepared:
    task: Task
    codec: Codec
    checkpoints: Sequence[Path]  # the one that is sampled, and one to swap with it if there is any
    context: int | None  # tokens of a prompt and its response; None: all that the model takes


def prepare(case: Case, folder: Path, threads: int, documents: int) -> Prepared:
    """Make the case's checkpoints in `folder`."""
    if case.shape is None:
        checkpoint = folder / "smollm2"
        checkpoint.mkdir()
        convert(checkpoint)
        sums = WordSums(WordSumsOptions(max_prompt_tokens=120, max_response_tokens=case.limit))
        codec = Codec(checkpoint, PromptFormat("Question: {question}\nAnswer:\n"))
        return Prepared(sums, codec, [checkpoint], 128 + case.limit)
    # A response's limit is the task's own: the slack gives it.
    maze = Maze(MazeOptions(slack=case.limit - MazeOptions.max_distance))
    checkpoints = [folder / name for name in ("one", "other")]
    for seed, checkpoint in enumerate(checkpoints):
        checkpoint.mkdir()
        if not documents or seed:  # the other checkpoint is only there to be swapped in
            create_tiny_llama(checkpoint, maze, case.shape, seed)
            continue
        pretrain(
            maze,
            case.shape,
            checkpoint,
            documents=documents,
            batch_size=64,
            learning_rate=3e-3,
            trainer=TrainerOptions(),
            seed=seed,
            threads=threads,
        )
    return Prepared(maze, Codec(checkpoints[0]), checkpoints, None)
