"""Engines in separate processes, one per device (or per `tensor_parallel_size` devices), that share a call's prompts.

A call is divided into shards of `engine.shard` prompts, each with its own seed, so that the rows do not depend on the
number of engines. Ending the processes frees all GPU memory for a training (`engine.by_turns`); vLLM's sleep mode would
keep its CUDA context, and exists on GPUs only. If a process dies, its call fails, and the next call starts new ones.
The processes end with this one.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from synth_scaling.sampling.engine import Completion, Scored
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.system import signals
from synth_scaling.system.failures import ChildFailed, Reason

VISIBLE = "CUDA_VISIBLE_DEVICES"


class Replicas:
    """Several engines with the interface of one."""

    def __init__(self, options: EngineOptions) -> None:
        self.options, self.numbered = options, options.seeds == "request"
        self._pools: list[ProcessPoolExecutor] = []
        self._loaded: tuple[Path, int | None] | None = None

    def load(self, checkpoint: Path, context: int | None = None) -> None:
        self._loaded = (checkpoint, context)

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        n: int,
        temperature: float,
        max_tokens: Sequence[int],
        seed: int,
        first: Sequence[int] | None = None,
    ) -> list[list[Completion]]:
        """As :meth:`Engine.sample`. Raises ChildFailed if an engine's process ended, out of memory for instance."""
        assert self._loaded is not None, "load a checkpoint first"
        checkpoint, context = self._loaded
        size, first = self.options.shard or max(1, len(prompts)), first or [0] * len(prompts)
        starts = range(0, len(prompts), size)
        sampled: dict[int, list[list[Completion]]] = {}
        shards: SimpleQueue[int | None] = SimpleQueue()
        for start in [*starts, *[None] * self.options.replicas]:  # None ends a thread
            shards.put(start)

        def keep_busy(pool: ProcessPoolExecutor) -> None:
            while (start := shards.get()) is not None:
                signals.check()
                part = slice(start, start + size)
                one_seed = self.options.shard is None or self.numbered
                part_seed = seed if one_seed else shard_seed(seed, start // size)
                asked = (prompts[part], n, temperature, max_tokens[part], part_seed, first[part])
                done = pool.submit(_sample, checkpoint, context, *asked)
                sampled[start] = done.result()

        with self._running() as pools, ThreadPoolExecutor(len(pools)) as threads:
            working = [threads.submit(keep_busy, pool) for pool in pools]
            try:
                for thread in as_completed(working):
                    thread.result()
            except BaseException:
                self._kill()  # the call has failed: the other shards are not needed
                raise
        return [completions for start in starts for completions in sampled[start]]

    def scored(
        self, prompts: Sequence[Sequence[int]], *, temperature: float, max_tokens: int, seed: int
    ) -> list[Scored]:
        """As :meth:`Engine.scored`, by the first of the processes."""
        assert self._loaded is not None, "load a checkpoint first"
        with self._running() as pools:
            return pools[0].submit(_score, *self._loaded, prompts, temperature, max_tokens, seed).result()

    @contextmanager
    def _running(self) -> Iterator[list[ProcessPoolExecutor]]:
        """The processes, started if there are none. Raises ChildFailed if one of them ends meanwhile."""
        if not self._pools:
            self._pools = [_started(self.options, i) for i in range(self.options.replicas)]
        try:
            yield self._pools
        except BrokenProcessPool:
            self._kill()
            signals.check()
            line = "a process of the engine ended by itself: is there enough memory?"
            raise ChildFailed(Reason("engine_died", line), "the next call starts a new one") from None

    def prefix_cache(self) -> None:
        """None: the engines are in other processes."""

    def close(self) -> None:
        for pool in self._pools:
            pool.shutdown()
        self._pools = []

    def _kill(self) -> None:
        for pool in self._pools:
            for process in list(pool._processes.values()):
                process.kill()
        self.close()


def shard_seed(seed: int, shard: int) -> int:
    """The seed of a shard; seeds of different shards are unrelated."""
    return int(np.random.SeedSequence([seed, shard]).generate_state(1)[0]) >> 1


def _started(options: EngineOptions, index: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")  # a fork would inherit the CUDA context
    return ProcessPoolExecutor(1, context, initializer=_begin, initargs=(options, devices_of(options, index)))


def devices_of(options: EngineOptions, index: int, visible: str | None = os.environ.get(VISIBLE)) -> str:
    """`CUDA_VISIBLE_DEVICES` of replica `index`: the next `tensor_parallel_size` of those that are `visible`.

    If the variable is not set, devices are numbered from 0 and not counted. Raises ValueError if too few are visible.
    """
    each = options.tensor_parallel_size
    known = visible.split(",") if visible else [str(i) for i in range(each * options.replicas)]
    if len(known) < each * options.replicas:
        raise ValueError(
            f"engine.replicas={options.replicas}: {VISIBLE}={visible} has devices for {len(known) // each} "
            f"of engine.tensor_parallel_size={each}"
        )
    return ",".join(known[each * index : each * (index + 1)])


# -- in a replica's process --------------------------------------------------------------------------------------------

_engine: Any = None


def _begin(options: EngineOptions, devices: str) -> None:
    global _engine
    os.environ[VISIBLE] = devices  # before torch reads it
    for number in signals.SIGNALS:  # the parent handles termination signals, and ends this process
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.disable(logging.WARNING)
    from synth_scaling.sampling.vllm import VLLMEngine

    _engine = VLLMEngine(options)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _sample(
    checkpoint: Path,
    context: int | None,
    prompts: Sequence[Sequence[int]],
    n: int,
    temperature: float,
    max_tokens: Sequence[int],
    seed: int,
    first: Sequence[int],
) -> list[list[Completion]]:
    _engine.load(checkpoint, context)
    return _engine.sample(prompts, n=n, temperature=temperature, max_tokens=max_tokens, seed=seed, first=first)


def _score(
    checkpoint: Path,
    context: int | None,
    prompts: Sequence[Sequence[int]],
    temperature: float,
    max_tokens: int,
    seed: int,
) -> list[Scored]:
    _engine.load(checkpoint, context)
    return _engine.scored(prompts, temperature=temperature, max_tokens=max_tokens, seed=seed)
