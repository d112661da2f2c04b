"""Engines in processes of their own: rows depend on the shards, not on who samples them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from synth_scaling.codec import Codec
from synth_scaling.sampling import Completion, Engine, EngineOptions
from synth_scaling.sampling.replicas import Replicas, devices_of, shard_seed
from synth_scaling.tasks.maze import Maze

pytestmark = pytest.mark.slow

SMALL = EngineOptions(max_num_seqs=256, max_batched_tokens=4096, memory_gib=1)  # those of the `engine` fixture


def sampled(engine: Engine, codec: Codec, maze: Maze, seed: int = 3) -> list[list[Completion]]:
    prompts = [codec.encode(problem.prompt) for problem in maze.problems("train", 21, 0)]
    return engine.sample(prompts, n=3, temperature=1.0, max_tokens=[12] * 21, seed=seed)


def test_two_engines_give_the_rows_of_one(random_model: Path, engine: Engine, codec: Codec, small_maze: Maze) -> None:
    rows = []
    for replicas in (1, 2):
        engines = Replicas(replace(SMALL, shard=8, replicas=replicas))
        engines.load(random_model)
        rows.append(sampled(engines, codec, small_maze))
        engines.close()
    one, two = rows
    assert len(one) == 21 and all(len(completions) == 3 for completions in one)
    assert two == one
    # A shard is what an engine in this process samples with the shard's seed.
    engine.load(random_model)
    prompts = [codec.encode(problem.prompt) for problem in small_maze.problems("train", 21, 0)]
    last = engine.sample(prompts[16:], n=3, temperature=1.0, max_tokens=[12] * 5, seed=shard_seed(3, 2))
    assert one[16:] == last


def test_without_shards_rows_are_those_of_the_engine_in_this_process(
    random_model: Path, engine: Engine, codec: Codec, small_maze: Maze
) -> None:
    engine.load(random_model)
    wanted = sampled(engine, codec, small_maze)
    apart = Replicas(replace(SMALL, by_turns=True))
    apart.load(random_model)
    assert sampled(apart, codec, small_maze) == wanted
    (pool,) = apart._pools
    apart.close()
    assert not apart._pools and not pool._processes  # ended: training has the device
    assert sampled(apart, codec, small_maze) == wanted  # and begins again by itself
    apart.close()


def test_each_replica_sees_devices_of_its_own() -> None:
    two = EngineOptions(replicas=2, shard=8, tensor_parallel_size=2)
    assert [devices_of(two, i, "4,5,6,7") for i in (0, 1)] == ["4,5", "6,7"]
    assert [devices_of(two, i, None) for i in (0, 1)] == ["0,1", "2,3"]
    with pytest.raises(ValueError, match="has devices for 1 of"):
        devices_of(two, 0, "0,1,2")
