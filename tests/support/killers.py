"""Calls for worker processes that no one should make here."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path


def even(x: int) -> bool:
    return x % 2 == 0


def killed_once(x: int, marks: str, number: int) -> bool:
    """Whether `x` is even; the first process that is asked about a number divisible by 5 dies of the signal."""
    mark = Path(marks) / str(x)
    if x % 5 == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), number)
    return x % 2 == 0


def always_killed(x: int, number: int) -> bool:
    os.kill(os.getpid(), number)
    return x % 2 == 0


def hard(x: int) -> bool:
    """Some never end (a long multiplication in C), some take all memory, some die."""
    if x % 50 == 13:
        return 9 ** (9**9) > 0
    if x % 50 == 29:
        return len(b"x" * (64 << 30)) > 0
    if x % 50 == 31:
        os.kill(os.getpid(), signal.SIGSEGV)
    return x % 2 == 0


def waiting(seconds: float, x: int) -> bool:
    """Whether `x` is even, after `seconds` without work."""
    threading.Event().wait(seconds)
    return x % 2 == 0


def busy(seconds: float, x: int) -> bool:
    """The same after `seconds` of work."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return x % 2 == 0


ENDLESS = frozenset({25, 62})  # calls of `mixed`


def pattern(x: int) -> bool:
    """A result that differs from those of the calls beside it, in no regular way."""
    return bool(0x9E3779B97F4A7C15F39CC0605CEDC834 >> (x * 7 % 127) & 1)


def mixed(x: int, marks: str, number: int) -> bool:
    """`pattern(x)`; some calls never end, and with `number` the first process that is asked dies of this signal."""
    while x in ENDLESS:
        pass
    mark = Path(marks) / str(x)
    if number and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), number)
    return pattern(x)
