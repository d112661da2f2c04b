"""Termination signals: SIGTERM, or SIGUSR1 and SIGUSR2 as Slurm's --signal sends them, about 30 s before the end.

The first signal is recorded. Loops poll between their steps (`check`, or `requested` where a checkpoint comes first)
and end by :class:`Interrupted`; code that has not polled within `PATIENCE` seconds is interrupted by the same
exception. A second signal ends the process at once. An uncaught Interrupted ends it with exit code `EXIT_CODE`
(os.EX_TEMPFAIL, 75): the input is valid, and the job should be queued again.

A launch whose workers are joblib's processes on this machine forwards the signal to them and waits until they have
ended. A signal to the whole process group reaches them twice, so a worker takes no second one. A worker that has no
handler yet starts with the signals blocked, and receives them when it has one.

Python ignores an exception in a destructor. An interruption that meets one is raised again after it.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from types import FrameType

import psutil

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
EXIT_CODE = os.EX_TEMPFAIL  # 75: the caller is invited to try again
PATIENCE = 20.0  # seconds from the signal until code that does not poll is interrupted
AGAIN = 0.05  # seconds until an interruption that was ignored is raised again
FORWARD = 0.5  # seconds between signals to the workers of a launch, which may not all have started at the first

_received: str | None = None  # the first signal's name
_insist = True
_at_once = False
_ctrl_c = False  # Ctrl-C was ignored in a destructor
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


def install(insist: bool = True, at_once: bool = False) -> None:
    """Install the signal handlers in a process that starts runs; does nothing outside its main thread.

    Without `insist` a second signal has no effect, nor has Ctrl-C: for children, which receive a signal from the
    scheduler and the same again from the parent that forwards it. With `at_once` the first signal raises Interrupted
    where the process stands: for the start of a command, before there is anything to save.
    """
    global _insist, _at_once, _received
    if threading.current_thread() is not threading.main_thread():
        return
    _insist, _at_once = insist, at_once
    for number in SIGNALS if at_once else (*SIGNALS, signal.SIGALRM):
        signal.signal(number, _note)
    if not isinstance(sys.unraisablehook, _RaiseAgain):
        sys.unraisablehook = _RaiseAgain(sys.unraisablehook)
    if not insist:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _received = None  # of an earlier call of this process: a launch that has received a signal makes no further one
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*SIGNALS, signal.SIGINT))


def end_with_parent() -> None:
    """From now on the end of the parent process counts as a termination signal."""
    global _parent
    _parent = os.getppid()


def is_worker() -> bool:
    """Whether this process is one of joblib's, which end with the launch that started them."""
    return _parent is not None


def is_orphan() -> bool:
    """Whether the parent process, with which this one ends, has ended."""
    return _parent is not None and os.getppid() != _parent


@contextlib.contextmanager
def passed_on(here: bool = False) -> Iterator[None]:
    """Forward termination signals to joblib's workers, which are children of this process, while it waits for them.

    `here`: all workers are such processes. Then Ctrl-C ends them in the same way, a signal before the first of them has
    started raises Interrupted, and a second signal kills them and ends this process at once. Otherwise a signal ends
    this process at once if it has no such workers: those of other launchers run elsewhere and continue.
    """

    def pass_on(number: int, frame: FrameType | None) -> None:
        global _received
        workers, first = _workers(), _received is None
        if not here and not workers:
            _end_by(number)
        if here and not first:
            for worker in workers:
                with contextlib.suppress(psutil.Error):
                    worker.kill()
            _end_by(number)
        _received = _received or signal.Signals(number).name
        _send(workers, number)
        if here and not workers:
            check()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (*SIGNALS, signal.SIGINT) if here else SIGNALS
    before = {number: signal.signal(number, pass_on) for number in numbers}
    over = threading.Event()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers if here else ())
    if here:
        resource_tracker.ensure_running()  # it outlives these signals; starting it unblocks some of them again
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    waiter = threading.Thread(target=_wait_for, args=(numbers, over), daemon=True)
    if here:
        waiter.start()
    try:
        yield
    finally:
        if here:
            over.set()
            waiter.join()
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _wait_for(numbers: Sequence[signal.Signals], over: threading.Event) -> None:
    """Receive signals, which are blocked, for the main thread; forward the first one again until `over`."""
    while not over.is_set():
        received = signal.sigtimedwait(numbers, FORWARD)
        if received is not None:
            _thread.interrupt_main(signal.Signals(received.si_signo))
        elif _received is not None:
            _send(_workers(), signal.SIGTERM)


def _workers() -> list[psutil.Process]:
    """joblib's workers among the children of this process."""
    workers = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            words = child.cmdline()
            if any("loky" in word for word in words) and not any("resource_tracker" in word for word in words):
                workers.append(child)
    return workers


def _send(workers: Sequence[psutil.Process], number: int) -> None:
    for worker in workers:
        with contextlib.suppress(psutil.Error):
            worker.send_signal(signal.SIGTERM if number == signal.SIGINT else number)


def _end_by(number: int) -> None:
    """End this process by a signal, as if it had no handler."""
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
    signal.raise_signal(number)


def requested() -> str | None:
    """The termination signal that this process has received, or None. A caller that gets one is not interrupted."""
    global _received
    if _received is None and is_orphan():
        _received = "the end of its launch"
    if _received is not None:
        _set_alarm(0.0)
    return _received


def check() -> None:
    """Raises Interrupted if the process has received a termination signal, KeyboardInterrupt if that was Ctrl-C."""
    if (name := requested()) == signal.SIGINT.name:
        raise KeyboardInterrupt
    if name is not None:
        raise Interrupted(name)


def _note(number: int, frame: FrameType | None) -> None:
    global _received, _ctrl_c
    if number == signal.SIGALRM:
        if _in_hook(frame):
            _set_alarm(AGAIN)
        elif _ctrl_c:
            _ctrl_c = False
            raise KeyboardInterrupt
        elif _received is not None:
            raise Interrupted(_received)
    elif _received is None:
        _received = signal.Signals(number).name
        if _at_once:
            raise Interrupted(_received)
        _set_alarm(PATIENCE)
    elif _insist:
        _end_by(number)


@dataclass(frozen=True)
class _RaiseAgain:
    """The hook for exceptions that Python ignores; all but interruptions are for the hook `before`."""

    before: Callable[[sys.UnraisableHookArgs], object]

    def __call__(self, ignored: sys.UnraisableHookArgs) -> None:
        global _ctrl_c
        interruption = isinstance(ignored.exc_value, Interrupted | KeyboardInterrupt)
        if not interruption or threading.current_thread() is not threading.main_thread():
            self.before(ignored)
            return
        _ctrl_c = isinstance(ignored.exc_value, KeyboardInterrupt)
        signal.signal(signal.SIGALRM, _note)
        _set_alarm(AGAIN)


def _in_hook(frame: FrameType | None) -> bool:
    """Whether the main thread still runs the hook, from which an exception would be ignored, too."""
    while frame is not None and frame.f_code is not _RaiseAgain.__call__.__code__:
        frame = frame.f_back
    return frame is not None


def _set_alarm(seconds: float) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, seconds)
