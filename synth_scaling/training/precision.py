"""Whether bfloat16 pays on this CPU: without instructions for it, its matrix products are emulated."""

from __future__ import annotations

import functools
import time

import torch

# An emulated product takes several times to a hundred times as long as float32's; with AMX a quarter.
SLOW = 2.5


@functools.cache
def bfloat16_time_ratio() -> float:
    """Time of a matrix product in bfloat16 over that in float32 on the CPU, in this process's threads.

    Takes 0.1 s; a few seconds where it is emulated.
    """
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.ones(128, 576, dtype=dtype), torch.ones(576, 8192, dtype=dtype)
        a @ b  # the first product chooses its kernel
        times = []
        for _ in range(2):
            begin = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - begin)
        seconds[dtype] = min(times)
    return seconds[torch.bfloat16] / seconds[torch.float32]


def slow_bfloat16() -> str | None:
    """What is said on a CPU where bfloat16 is slower than float32; None elsewhere, and where a GPU is used."""
    if torch.cuda.is_available():
        return None
    ratio = bfloat16_time_ratio()
    if ratio < SLOW:
        return None
    return f"matrix products in bfloat16 take {ratio:.0f} times as long as in float32 on this CPU, which emulates them"
