"""vLLM's prefix cache as the step values read it: shared prompt tokens are found again within a call, not beyond it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synth_scaling.models.tiny_llama import TinyLlama, create_tiny_llama
from synth_scaling.sampling.engine import Engine, hit_rate
from synth_scaling.sampling.factory import engine_for
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.tasks.maze import Maze, MazeOptions

SMALL = EngineOptions(max_num_seqs=256, max_batched_tokens=4096, memory_gib=1)  # those of the `engine` fixture
BLOCK = 128  # tokens that vLLM keeps together on CPU unless told otherwise; on GPUs fewer


@pytest.fixture(scope="module")
def long_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model that takes texts of 512 tokens."""
    folder = tmp_path_factory.mktemp("long_model")
    maze = Maze(MazeOptions(side=6, min_distance=2, max_distance=8, slack=400, n_test=20, n_validation=0))
    create_tiny_llama(folder, maze, TinyLlama(width=64, layers=1, heads=2, feedforward=64), seed=0)
    return folder


def test_blocks_of_a_shared_prefix_are_found_within_a_call(engine: Engine, long_model: Path) -> None:
    engine.load(long_model)
    start = tuple(np.random.default_rng(0).integers(4, 30, size=3 * BLOCK).tolist())
    prompts = [start[: BLOCK - 1], start[: BLOCK + 10], start[: 2 * BLOCK + 10], start[: 2 * BLOCK + 20]]
    for _ in range(2):  # the second call finds nothing of the first
        before = engine.prefix_cache()
        engine.sample(prompts, n=1, temperature=1.0, max_tokens=[4] * 4, seed=0)
        hits = BLOCK + 2 * BLOCK  # of the third and the fourth prompt
        assert hit_rate(before, engine.prefix_cache()) == pytest.approx(hits / sum(map(len, prompts)))


@pytest.mark.slow
def test_shorter_blocks_share_shorter_prompts(long_model: Path) -> None:
    """A prompt of 40 tokens put 16 times, as for rollouts: with blocks of 32 all but the first find 32 tokens."""
    prompt = tuple(np.random.default_rng(0).integers(4, 30, size=40).tolist())
    for block, hits in ((None, 0), (32, 15 * 32)):
        engine = engine_for(replace(SMALL, block_size=block))
        engine.load(long_model)
        before = engine.prefix_cache()
        engine.sample([prompt] * 16, n=1, temperature=1.0, max_tokens=[4] * 16, seed=0)
        assert hit_rate(before, engine.prefix_cache()) == hits / (16 * 40)


def test_a_rate_is_that_between_two_readings() -> None:
    assert hit_rate((100, 10), (300, 60)) == 0.25
    assert hit_rate((100, 10), (100, 10)) is None  # nothing was sampled
    assert hit_rate(None, None) is None  # not known: engines in other processes
