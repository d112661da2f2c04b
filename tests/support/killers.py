"""Calls for worker processes that no one should make here."""

from __future__ import annotations

import os
import signal


def even(x: int) -> bool:
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
