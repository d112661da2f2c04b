"""Termination signals: SIGTERM, or SIGUSR1 and SIGUSR2 as Slurm's --signal sends them, about 30 s before the end.

The first signal is noted. Loops ask between their steps (`check`, or `requested` where something is to be saved first)
and end by :class:`Interrupted`; whoever has not asked after `PATIENCE` seconds is ended by the same exception where it
stands. A second signal ends the process at once. An Interrupted that nobody catches ends it with exit code
`EXIT_CODE` (os.EX_TEMPFAIL, 75): what was asked for is not wrong, and is to be queued again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import psutil

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
EXIT_CODE = os.EX_TEMPFAIL  # 75: the caller is invited to try again
PATIENCE = 20.0  # seconds from the signal until who does not ask is interrupted

_received: str | None = None  # the first signal's name
_insist = True
_parent: int | None = None  # the process that this one is to end with


class Interrupted(SystemExit):
    """The process received a termination signal. Like KeyboardInterrupt not an Exception: no run has failed."""

    def __init__(self, by: str) -> None:
        super().__init__(f"stopped by {by}")
        self.code = EXIT_CODE
        self.by = by

    def __reduce__(self) -> tuple[type[Interrupted], tuple[str]]:
        return Interrupted, (self.by,)

    def __str__(self) -> str:
        return str(self.args[0])


def install(insist: bool = True) -> None:
    """Listen from now on, in the process that starts runs; nothing is done outside its main thread.

    Without `insist` a second signal means no more than the first: for children, which hear both the scheduler and the
    parent that passes its signal on.
    """
    global _insist
    if threading.current_thread() is not threading.main_thread():
        return
    _insist = insist
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, _note)


def end_with_parent() -> None:
    """The end of the process that started this one counts as a signal."""
    global _parent
    _parent = os.getppid()


def is_orphan() -> bool:
    """Whether the process is gone that this one is to end with."""
    return _parent is not None and os.getppid() != _parent


@contextlib.contextmanager
def passed_on() -> Iterator[None]:
    """Forward termination signals to joblib's workers, which are children of this process, while it waits for them.

    Without any it ends at once: other launchers' workers live elsewhere, and go on.
    """

    def pass_on(number: int, frame: FrameType | None) -> None:
        global _received
        workers = []
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if any("loky" in word for word in child.cmdline()):
                    workers.append(child)
        if not workers:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        _received = _received or signal.Signals(number).name
        for worker in workers:
            with contextlib.suppress(psutil.Error):
                worker.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def requested() -> str | None:
    """The signal that told this process to stop, or None. Who hears of one has all the time that there is."""
    global _received
    if _received is None and is_orphan():
        _received = "the end of its launch"
    if _received is not None:
        _set_alarm(0.0)
    return _received


def check() -> None:
    """Raises Interrupted if the process has received a termination signal."""
    if (name := requested()) is not None:
        raise Interrupted(name)


def _note(number: int, frame: FrameType | None) -> None:
    global _received
    if number == signal.SIGALRM:
        if _received is not None:
            raise Interrupted(_received)
    elif _received is None:
        _received = signal.Signals(number).name
        _set_alarm(PATIENCE)
    elif _insist:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _set_alarm(seconds: float) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, seconds)
