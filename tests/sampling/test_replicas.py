"""Engines in processes of their own: rows depend on the shards, not on who samples them."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from synth_scaling.models.codec import Codec
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.sampling.replicas import Replicas, devices_of, shard_seed
from synth_scaling.system.failures import reason
from synth_scaling.system.signals import SIGNALS
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


def test_a_process_that_dies_fails_its_call_and_is_replaced_for_the_next(
    random_model: Path, codec: Codec, small_maze: Maze
) -> None:
    engines = Replicas(replace(SMALL, shard=8, replicas=2))
    engines.load(random_model)
    wanted = sampled(engines, codec, small_maze)
    first, second = (next(iter(pool._processes.values())) for pool in engines._pools)
    first.kill()  # as the kernel does where memory runs out
    with pytest.raises(RuntimeError) as caught:
        sampled(engines, codec, small_maze)
    assert reason(caught.value).kind == "engine_died"
    second.join()  # the other one is not left behind
    assert sampled(engines, codec, small_maze) == wanted
    engines.close()


def test_engines_end_with_the_process_that_started_them_and_leave_signals_to_it(
    random_model: Path, codec: Codec, small_maze: Maze
) -> None:
    code = """if True:
        import sys, time
        from pathlib import Path
        from synth_scaling.sampling.options import EngineOptions
        from synth_scaling.sampling.replicas import Replicas
        engines = Replicas(EngineOptions(max_num_seqs=8, max_batched_tokens=512, memory_gib=1, by_turns=True))
        engines.load(Path(sys.argv[1]))
        if __name__ == "__main__":
            engines.sample([(2, 3)], n=1, temperature=0.0, max_tokens=[2], seed=0)
            print(next(iter(engines._pools[0]._processes)), flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, "-c", code, str(random_model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        engine = int(parent.stdout.readline())
        status = dict(line.split(":", 1) for line in Path(f"/proc/{engine}/status").read_text().splitlines())
        for number in SIGNALS:
            assert int(status["SigIgn"], 16) >> (number - 1) & 1
        ended = os.pidfd_open(engine)
        parent.kill()
        select.select([ended], [], [])  # readable when it has ended


def test_each_replica_sees_devices_of_its_own() -> None:
    two = EngineOptions(replicas=2, shard=8, tensor_parallel_size=2)
    assert [devices_of(two, i, "4,5,6,7") for i in (0, 1)] == ["4,5", "6,7"]
    assert [devices_of(two, i, None) for i in (0, 1)] == ["0,1", "2,3"]
    with pytest.raises(ValueError, match="has devices for 1 of"):
        devices_of(two, 0, "0,1,2")
