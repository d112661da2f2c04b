"""Resources that computing a stage uses: device seconds and peak memory.

The kernel records the peak of this process and resets it on request (Linux, proc(5): clear_refs). The total memory of
the children, such as torchrun's processes and replicas of an engine, is sampled once a second.
"""

from __future__ import annotations

import contextlib
import re
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from synth_scaling.core.stage import Cost

Made = tuple[Cost, Mapping[str, Any]]


def measured(make: Callable[[Path], Made], devices: int) -> Callable[[Path], Made]:
    """`make` of a stage that occupies `devices` devices (on CPU: processes), with the measured usage in its cost.

    CUDA memory is that of this process, or what `make` reports of another process: engines in separate processes
    (`engine.replicas`) are not measured.
    """

    def compute(folder: Path) -> Made:
        _forget_peaks()
        begin = time.perf_counter()
        with _ChildrenWatch() as children:
            cost, facts = make(folder)
        cost = replace(cost, device_seconds=devices * (time.perf_counter() - begin))
        cost = replace(cost, peak_memory=_process_peak() + children.peak)
        return replace(cost, peak_device_memory=max(cost.peak_device_memory, peak_device_memory())), facts

    return compute


def peak_device_memory() -> int:
    """Peak bytes that torch allocated on one CUDA device of this process; 0 if it has used none."""
    cuda = _cuda()
    return 0 if cuda is None else max(cuda.max_memory_allocated(i) for i in range(cuda.device_count()))


class _ChildrenWatch:
    """Samples the total memory of all descendants of this process; `peak` is the maximum, in bytes."""

    def __init__(self) -> None:
        self.peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _ChildrenWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        over = False
        while not over:
            over = self._done.wait(1.0)  # so a short stage is sampled once, when it ends
            self.peak = max(self.peak, sum(map(_resident, psutil.Process().children(recursive=True))))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended meanwhile
        return 0


def _forget_peaks() -> None:
    with contextlib.suppress(OSError):  # if it cannot be written, the peak is that since the process started
        Path("/proc/self/clear_refs").write_text("5")
    if (cuda := _cuda()) is not None:
        for i in range(cuda.device_count()):
            cuda.reset_peak_memory_stats(i)


def _process_peak() -> int:
    with contextlib.suppress(OSError):
        if peak := re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()):
            return 1024 * int(peak[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _cuda() -> Any:
    """torch.cuda if this process has used it; otherwise a query would allocate memory on the device."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
