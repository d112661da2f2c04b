"""Told to stop: SIGTERM, or SIGUSR1 and SIGUSR2 as Slurm's --signal sends them, with a notice of some 30 seconds.

The first signal is noted. Loops ask between their steps (`check`, or `requested` where something is to be saved first)
and end by :class:`Interrupted`; whoever has not asked after `PATIENCE` seconds is ended by the same exception where it
stands. A second signal ends the process at once. An Interrupted that nobody catches ends it with exit code
`EXIT_CODE` (os.EX_TEMPFAIL, 75): what was asked for is not wrong, and is to be queued again.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
EXIT_CODE = os.EX_TEMPFAIL  # 75: the caller is invited to try again
PATIENCE = 20.0  # seconds from the signal until who does not ask is interrupted

_told: str | None = None  # the first signal's name
_insist = True


class Interrupted(SystemExit):
    """The process was told to stop. Like KeyboardInterrupt no Exception: the failure of one run it is not."""

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


def requested() -> str | None:
    """The signal that told this process to stop, or None. Who hears of one has all the time that there is."""
    if _told is not None:
        _set_alarm(0.0)
    return _told


def check() -> None:
    """Raises Interrupted if the process was told to stop."""
    if (told := requested()) is not None:
        raise Interrupted(told)


def _note(number: int, frame: FrameType | None) -> None:
    global _told
    if number == signal.SIGALRM:
        if _told is not None:
            raise Interrupted(_told)
    elif _told is None:
        _told = signal.Signals(number).name
        _set_alarm(PATIENCE)
    elif _insist:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _set_alarm(seconds: float) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, seconds)
