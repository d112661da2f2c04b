"""Rows of the small maze to train on, and a way to get at the trainers that the stages really build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synth_scaling.core.records import NLLRow, PreferenceRow, Response
from synth_scaling.models.codec import Codec
from synth_scaling.tasks.maze import Maze
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.trainer import Training

EOS = 1


@pytest.fixture(scope="session")
def demonstrations(small_maze: Maze, codec: Codec) -> list[Response]:
    """40 teacher solutions; their prompts are in `prompts`."""
    rng = np.random.default_rng(0)
    problems = small_maze.problems("train", 40, 0)
    return [Response(p.id, -1, codec.encode(small_maze.teacher(p, rng)), True, 1) for p in problems]


@pytest.fixture(scope="session")
def prompts(small_maze: Maze, codec: Codec) -> dict[str, tuple[int, ...]]:
    return {p.id: codec.encode(p.prompt) for p in small_maze.problems("train", 40, 0)}


@pytest.fixture(scope="session")
def nll_rows(demonstrations: list[Response], prompts: dict[str, tuple[int, ...]]) -> list[NLLRow]:
    """Every fourth is cut: it does not end."""
    return [NLLRow(prompts[r.problem], r.tokens, i % 4 != 0) for i, r in enumerate(demonstrations)]


@pytest.fixture(scope="session")
def step_pairs(demonstrations: list[Response], prompts: dict[str, tuple[int, ...]]) -> list[PreferenceRow]:
    """Step pairs of all kinds: prefixes of 0 to 3 steps, rejected sides cut at the pit or running to their end."""
    rng = np.random.default_rng(1)
    pairs = []
    for i, response in enumerate(demonstrations):
        begin = min(i % 4, len(response.tokens) - 1)
        wrong = tuple(rng.integers(2, 38, size=1 + i % 3).tolist())
        prompt = prompts[response.problem] + response.tokens[:begin]
        pairs.append(PreferenceRow(prompt, response.tokens[begin:], True, wrong, i % 3 == 2))
    return pairs


@pytest.fixture(scope="session")
def training(random_model: Path) -> Callable[..., Training]:
    """A training from the random model; keywords of TrainerOptions go to its options."""

    def make(start: Path = random_model, epochs: float = 3, learning_rate: float = 1e-3, **options: Any) -> Training:
        chosen = TrainerOptions(**{"batch_size": 16, "logging_steps": 1} | options)
        return Training(start, epochs, learning_rate, seed=0, options=chosen)

    return make
