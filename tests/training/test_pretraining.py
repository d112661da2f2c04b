"""The base model: never a held-out problem in its corpus, and a folder that transformers, vLLM and TRL all load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from synth_scaling.core.records import NLLRow, PreferenceRow
from synth_scaling.core.stage import Cost
from synth_scaling.models.codec import Codec
from synth_scaling.models.tiny_llama import TinyLlama
from synth_scaling.sampling.engine import Engine
from synth_scaling.tasks.maze import Maze
from synth_scaling.training import pretrain as module
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.preference import train_preference
from synth_scaling.training.pretrain import pretrain, refuse_held_out
from synth_scaling.training.trainer import Training

SHAPE = TinyLlama(width=64, layers=2, heads=2, feedforward=64)


def pretrained_on(task: Maze, folder: Path, documents: int) -> Path:
    folder.mkdir()
    settings = {"batch_size": 16, "learning_rate": 3e-3, "trainer": TrainerOptions(), "seed": 0, "threads": 1}
    pretrain(task, SHAPE, folder, documents=documents, **settings)  # type: ignore[arg-type]
    return folder


class LeakyMaze(Maze):
    """Its 30th document is about a held-out problem."""

    split = "test"

    def corpus(self, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
        for i, document in enumerate(super().corpus(rng)):
            held_out = self.problems(self.split, 1, 0)[0]  # type: ignore[arg-type]
            yield (held_out.prompt, self.teacher(held_out, rng)) if i == 29 else document


class LeakyValidationMaze(LeakyMaze):
    split = "validation"


@pytest.mark.parametrize("leaky", [LeakyMaze, LeakyValidationMaze])
def test_a_held_out_prompt_in_the_corpus_is_refused(leaky: type[Maze], small_maze: Maze, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="held-out problem"):
        pretrained_on(leaky(small_maze.options), tmp_path / "model", 40)
    assert not list((tmp_path / "model").iterdir())


def test_the_mazes_own_corpus_passes_unchanged(small_maze: Maze) -> None:
    documents = [next(corpus) for corpus in [small_maze.corpus(np.random.default_rng(3))] for _ in range(2000)]
    assert list(refuse_held_out(small_maze, documents)) == documents


def test_a_few_documents_make_a_model_that_transformers_vllm_and_trl_load(
    small_maze: Maze, codec: Codec, engine: Engine, tmp_path: Path
) -> None:
    folder = pretrained_on(small_maze, tmp_path / "model", 64)
    assert {file.suffix for file in folder.iterdir()} - {".jsonl"} == {".json", ".safetensors"}

    prompt = codec.encode(small_maze.problems("test", 1, 0)[0].prompt)
    assert Codec(folder).decode(prompt) == small_maze.problems("test", 1, 0)[0].prompt
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    logits = model(torch.tensor([prompt])).logits[0, -1]
    engine.load(folder)
    ((completion,),) = engine.sample([prompt], n=1, temperature=0.0, max_tokens=[3], seed=0)
    assert [*completion.tokens, codec.tokenizer.eos_token_id][0] == int(logits.argmax())
    pair = PreferenceRow(prompt, (5, 6), True, (7,), False)
    (tmp_path / "policy").mkdir()
    start = Training(folder, 1, 1e-3, 0, TrainerOptions(batch_size=1))
    assert train_preference([pair], start, tmp_path / "policy", beta=0.5, nll=0.0).tokens_trained == 10


def test_without_prompts_the_same_tokens_are_read_and_the_loss_covers_the_continuation(
    small_maze: Maze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[list[NLLRow]] = []
    monkeypatch.setattr(module, "train_nll", lambda given, *_: rows.append(given) or Cost())
    settings = {"batch_size": 16, "learning_rate": 3e-3, "trainer": TrainerOptions(), "seed": 0, "threads": 1}
    for prompts in (True, False):
        pretrain(small_maze, SHAPE, tmp_path, documents=64, prompts=prompts, **settings)  # type: ignore[arg-type]
    whole, masked = rows
    assert [row.prompt + row.completion for row in masked] == [row.completion for row in whole]
    assert all(len(row.prompt) == 3 and row.ends for row in masked)  # start, goal, colon
    assert all(row.prompt == () and row.ends for row in whole)


def test_pretraining_is_reproducible_and_without_documents_leaves_the_random_weights(
    small_maze: Maze, random_model: Path, weights: Callable[[Path], bytes], tmp_path: Path
) -> None:
    once, twice = (pretrained_on(small_maze, tmp_path / name, 64) for name in ("once", "twice"))
    assert weights(once) == weights(twice) != weights(random_model)
    assert weights(pretrained_on(small_maze, tmp_path / "none", 0)) == weights(random_model)


def test_pretraining_learns_the_corpus(pretrained: Path, small_maze: Maze, codec: Codec) -> None:
    """Nearly all of the trained model's greedy first moves are edges of the maze."""
    model = AutoModelForCausalLM.from_pretrained(pretrained, dtype=torch.float32)
    problems = small_maze.problems("test", None, 0)
    with torch.no_grad():
        moves = model(torch.tensor([codec.encode(p.prompt) for p in problems])).logits[:, -1].argmax(dim=1)
    names = [name.strip() for name in small_maze.vocabulary]
    edges = [
        names.index(codec.decode([move]).strip()) in small_maze.neighbours[names.index(p.prompt.split()[0])]
        for p, move in zip(problems, moves.tolist(), strict=True)
    ]
    assert np.mean(edges) > 0.9
