"""Worker processes that can be killed: a call is answered within a bound of CPU time and memory, or not at all.

The bound is on CPU time, so that no grade depends on what else the machine does: the kernel kills a worker that exceeds
it, and Pebble's pool starts another. The workers come from a fork server, a fresh process without this one's threads
and memory, so torch and vLLM may be loaded here. Results come in the order of the calls and do not depend on the number
of workers.

A worker may also die of something outside: a signal to the process group, or the kernel's out-of-memory killer. That
says nothing about the call: the call is repeated alone, and a second death is an error, never a result.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import itertools
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired, ProcessPool
from pebble.pool.process import WORKERS_NAME

MEMORY = 4 << 30  # bytes of address space a worker may have
CHUNK = 16  # calls that travel together at most; the calls of a chunk that fails are repeated one by one
# A process receives these from its own instructions, as from a stack that overflows: the call is the reason.
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
OVER_BOUND = signal.SIGPROF  # the kernel sends it to a worker that has used up its CPU time
WALL = 20  # times the bound that a chunk may take by the clock; a worker that is stopped or starved says nothing
STALL = 45  # seconds that no worker takes the next call before the pool is replaced; a start takes up to 20
_tokens = itertools.count()  # one for each chunk, in whichever pool
_pools: dict[int, ProcessPool] = {}  # by the process that created them: a forked child must not use its parent's


class WorkerKilled(RuntimeError):
    """Two workers were killed from outside while they made one call, so its result is not known."""


@dataclass(frozen=True)
class _Death:
    by: int  # the signal; 0 where it is not known, and where the process ended without one


def run(function: Callable[..., bool], calls: Sequence[tuple[Any, ...]], bound: float) -> Iterator[bool | None]:
    """`function(*call)` for each call, in order; None for one that took more than `bound` seconds of CPU time or died
    of itself.

    `function` is importable and raises nothing. A chunk has the same bound, and its calls are repeated one by one
    if it is exceeded: no call runs longer than `bound`, and a slow one runs twice. Raises WorkerKilled for a call whose
    worker was twice killed from outside, or did not end in `WALL` times the bound by the clock.
    """
    size = min(CHUNK, len(calls) // (2 * count()) + 1)  # few calls are shared out, too
    chunks = [calls[i : i + size] for i in range(0, len(calls), size)]
    futures = [_schedule(function, chunk, bound) for chunk in chunks]
    for chunk, future in zip(chunks, futures, strict=True):
        results = _result(future)
        if isinstance(results, list):
            yield from results
        elif len(chunk) == 1:
            yield _alone(function, chunk[0], bound, results)
        else:
            alone = [_schedule(function, [call], bound) for call in chunk]
            for call, again in zip(chunk, alone, strict=True):
                yield _alone(function, call, bound, _result(again))


def count() -> int:
    """The number of workers: one for each core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _alone(
    function: Callable[..., bool], call: tuple[Any, ...], bound: float, first: list[bool] | _Death | None
) -> bool | None:
    """The result of a call whose first attempt alone is `first`; it is repeated if its worker died."""
    result = _result(_schedule(function, [call], bound)) if isinstance(first, _Death) else first
    if isinstance(result, _Death):
        if result.by in FAULTS:
            return None
        by = signal.Signals(result.by).name if result.by else "no signal that is known"
        raise WorkerKilled(
            f"two grading workers in a row were killed by {by} while they graded one response: "
            "is memory short, or does another program end them?"
        )
    return None if result is None else result[0]


@dataclass(frozen=True)
class _Call:
    """A chunk of `size` calls that a pool was asked for. The worker returns `token` with the results."""

    pool: ProcessPool
    future: Any
    token: int
    size: int


def _schedule(function: Callable[..., bool], calls: Sequence[tuple[Any, ...]], bound: float) -> _Call:
    """Schedule a chunk of calls, in a new pool if the present one has just broken."""
    pool, token = _pool(), next(_tokens)
    try:
        future = pool.schedule(_each, (function, calls, token, bound), timeout=WALL * bound)
    except RuntimeError:  # all its workers died since its state was last read
        _pools.clear()
        pool = _pool()
        future = pool.schedule(_each, (function, calls, token, bound), timeout=WALL * bound)
    return _Call(pool, future, token, len(calls))


def _pool() -> ProcessPool:
    pool = _pools.get(os.getpid())
    if pool is None or not pool.active:
        _pools.clear()
        context = multiprocessing.get_context("forkserver")
        # Importing these takes seconds: once, not for each worker.
        context.set_forkserver_preload(["synth_scaling.grading.algebra", "synth_scaling.grading.rewards"])
        pool = _pools[os.getpid()] = ProcessPool(count(), initializer=_prepare, context=context)
    return pool


def _close() -> None:
    """End this process's pool; its workers end with the process in any case."""
    if (pool := _pools.pop(os.getpid(), None)) is not None:
        _stop(pool)
        with suppress(RuntimeError):  # later versions of Python start no thread here
            joining = threading.Thread(target=pool.join, daemon=True)
            joining.start()
            joining.join(10)


def _stop(pool: ProcessPool) -> None:
    """Stop a pool and kill its workers.

    Pebble first removes the pool's semaphores and then ends its workers: one that is just starting would look for them
    in vain and print a traceback.
    """
    pool.stop()
    if (starting := pool._pool_manager_loop) is not None:  # the thread that starts workers
        starting.join(10)
    for worker in [child for child in multiprocessing.active_children() if child.name == WORKERS_NAME]:
        worker.kill()
        worker.join()


atexit.register(_close)


def _result(call: _Call) -> list[bool] | _Death | None:
    """The results of a chunk; None if it exceeded its bound of CPU time or memory; how its worker died if it did."""
    waited, future = 0, call.future
    while not future.done() and call.pool.active and waited < STALL:
        concurrent.futures.wait([future], timeout=1.0)
        waited = 0 if future.running() else waited + 1
    if not future.done():  # a worker died while it held the lock of the pool's pipe: no other can take a call
        _discard(call.pool)
        return _Death(0)
    try:
        token, results = future.result()
        # Results of another chunk would shift grades from one response to another: they are never used.
        return results if (token, len(results)) == (call.token, call.size) else _Death(0)
    except ProcessExpired as error:
        if error.exitcode == -OVER_BOUND:
            return None
        return _Death(-error.exitcode if (error.exitcode or 0) < 0 else 0)
    except (BrokenProcessPool, CancelledError, TimeoutError):  # every worker died at once, or this one did not go on
        return _Death(0)
    except (MemoryError, RecursionError):
        return None


def _discard(pool: ProcessPool) -> None:
    """Stop a pool that stalls. It is not joined, which could take for ever; the next call starts another."""
    if _pools.get(os.getpid()) is pool:
        del _pools[os.getpid()]
        _stop(pool)


def _prepare() -> None:
    """In a worker, before its first call."""
    import synth_scaling.grading.algebra  # noqa: F401 (imported already, unless another module started the fork server)

    os.setsid()  # a signal to the process group is for the process that grades; its workers end with it
    for number in (signal.SIGTERM, OVER_BOUND):  # a handler in Python would wait for a long multiplication to end
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _each(
    function: Callable[..., bool], calls: Sequence[tuple[Any, ...]], token: int, bound: float
) -> tuple[int, list[bool]]:
    """In a worker: the token and the results, unless this process is killed after `bound` seconds of CPU time."""
    signal.setitimer(signal.ITIMER_PROF, bound)
    try:
        return token, [function(*call) for call in calls]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
