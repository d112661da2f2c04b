"""Termination signals: SIGTERM, or SIGUSR1 and SIGUSR2 as Slurm's --signal sends them, about 30 s before the end.

The first signal is recorded. Loops poll between their steps (`check`, or `requested` where a checkpoint comes first)
and end by :class:`Interrupted`; code that has not polled within `PATIENCE` seconds is interrupted by the same
exception. A second signal ends the process at once. An uncaught Interrupted ends it with exit code `EXIT_CODE`
(os.EX_TEMPFAIL, 75): the input is valid, and the job should be queued again.
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
PATIENCE = 20.0  # seconds from the signal until code that does not poll is interrupted

_received: str | None = None  # the first signal's name
_insist = True
_parent: int | None = None  # the process with whose end this one ends


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
    """Install the signal handlers in a process that starts runs; does nothing outside its main thread.

    Without `insist` a second signal has no effect: for children, which receive a signal from the scheduler and the
    same again from the parent that forwards it.
    """
    global _insist
    if threading.current_thread() is not threading.main_thread():
        return
    _insist = insist
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, _note)


def end_with_parent() -> None:
    """From now on the end of the parent process counts as a termination signal."""
    global _parent
    _parent = os.getppid()


def is_orphan() -> bool:
    """Whether the parent process, with which this one ends, has ended."""
    return _parent is not None and os.getppid() != _parent


@contextlib.contextmanager
def passed_on() -> Iterator[None]:
    """Forward termination signals to joblib's workers, which are children of this process, while it waits for them.

    Without such workers this process ends at once: those of other launchers run elsewhere and continue.
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
    """The termination signal that this process has received, or None. A caller that gets one is not interrupted."""
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
