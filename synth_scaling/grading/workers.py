"""Worker processes that can be killed: what they are given is done within a bound of time and memory, or not at all.

Pebble's pool, which stops a worker that exceeds its time and starts another. The workers come from a fork server, a
fresh process without this one's threads and memory, so torch and vLLM may be loaded here. Results come in the order of
the calls and do not depend on the number of workers.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pebble import ProcessExpired, ProcessPool

MEMORY = 4 << 30  # bytes of address space a worker may have
CHUNK = (
    16  # calls that travel together at most; a chunk that fails is repeated one by one, to tell which of them it was
)
_pools: dict[int, ProcessPool] = {}  # by the process that made them: a forked child must not use its parent's


def run(function: Callable[..., bool], calls: Sequence[tuple[Any, ...]], bound: float) -> Iterator[bool | None]:
    """`function(*call)` for each call, in order; None for one that took longer than `bound` seconds or died of it.

    `function` is importable and raises nothing. A chunk has the same bound, and its calls are done again one by one
    if it was exceeded: no call runs longer than `bound`, and a slow one runs twice.
    """
    size = min(CHUNK, len(calls) // (2 * count()) + 1)  # few calls are shared out, too
    chunks = [calls[i : i + size] for i in range(0, len(calls), size)]
    futures = [_pool().schedule(_each, (function, chunk), timeout=bound) for chunk in chunks]
    for chunk, future in zip(chunks, futures, strict=True):
        try:
            results, again = _result(future), len(chunk) > 1
        except BrokenProcessPool:  # every worker died at once, as when the machine is out of memory
            results, again = None, True
        if results is None and again:
            alone = [_pool().schedule(_each, (function, [call]), timeout=bound) for call in chunk]
            yield from (result[0] if (result := _result(one)) else None for one in alone)
        else:
            yield from [None] if results is None else results


def count() -> int:
    """How many workers there are: one a core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool() -> ProcessPool:
    pool = _pools.get(os.getpid())
    if pool is None or not pool.active:
        _pools.clear()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(
            ["synth_scaling.grading.algebra", "synth_scaling.grading.rewards"]
        )  # seconds, once, not a worker
        pool = _pools[os.getpid()] = ProcessPool(count(), initializer=_prepare, context=context)
        atexit.register(_close, pool)
    return pool


def _close(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()


def _result(future: Any) -> list[bool] | None:
    try:
        return future.result()
    except (TimeoutError, ProcessExpired, MemoryError, RecursionError):
        return None


def _prepare() -> None:
    """In a worker, before its first call."""
    import synth_scaling.grading.algebra  # noqa: F401 (already there, unless the fork server was started by someone else)

    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler in Python would wait for a long multiplication to end
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _each(function: Callable[..., bool], calls: Sequence[tuple[Any, ...]]) -> list[bool]:
    return [function(*call) for call in calls]
