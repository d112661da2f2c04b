"""Leases: a marker file names the process that works on something, and expires when that process is gone.

filelock's SoftFileLease needs exclusive creation alone, so it works on one machine and on shared folders. The marker of
a dead process on this host is taken over at once; one on another host, or an empty one (its owner was killed between
creating and writing it), when it has not changed for `SILENCE` seconds of the watching process's own clock.

A lease is no guarantee: a stopped process keeps running when it is resumed, after another has taken its marker over. So
whatever is published under a lease asks :meth:`Lease.check` immediately before, and never replaces a complete result.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import SoftFileLease, Timeout

log = logging.getLogger("synth_scaling")

SILENCE = 120.0  # seconds; every process that shares a folder must use the same
HEARTBEAT = 10.0
POLL = 0.2
REPORT = 30.0  # seconds of waiting before the first line about it, and between the following ones

_watched: dict[tuple[int, Path], Lease] = {}  # the silence of a marker is measured by watching it


class Busy(Exception):
    """Another process holds `marker`."""

    def __init__(self, marker: Path, holder: str = "another process") -> None:
        super().__init__(f"{marker.with_suffix('')} is being worked on by {holder}")
        self.marker = marker


class LeaseLost(RuntimeError):
    """This process was silent for too long and another one has taken its marker over."""


class Lease(SoftFileLease):
    """A lease whose empty marker, which no living owner leaves for long, expires like a silent one."""

    def is_lost(self) -> bool:
        """Whether the marker does not name this claim now."""
        owner = self.owner
        return self.compromise is not None or self.token is None or owner is None or owner.token != self.token

    def check(self) -> None:
        """Raise LeaseLost unless the marker names this claim now."""
        if self.is_lost():
            raise LeaseLost(f"the lease on {Path(self.lock_file).with_suffix('')} was lost to another process")

    def holder(self) -> str:
        """The marker's owner in words."""
        if (owner := self.owner) is None:
            return "an unknown process (its marker is empty or unreadable)"
        return f"process {owner.pid} on {owner.hostname}"

    def _try_break_pinned_lock(self, pinned: int | None) -> None:
        """filelock takes an empty marker for one of its oldest versions, which lives as long as its file."""
        with suppress(OSError):
            marker = os.lstat(self._lock_path)
            if marker.st_size == 0 and pinned in (None, marker.st_ino):
                if self._marker_unchanged_for(marker) >= self.lease_duration:
                    self._take_over(marker, None)
                return
        super()._try_break_pinned_lock(pinned)


@contextmanager
def lease(marker: Path, wait: bool) -> Iterator[Lease]:
    """Hold `marker` for the length of the block.

    Raises Busy if another process (or this thread) holds it and `wait` is off. A long wait is logged.
    """
    marker.parent.mkdir(parents=True, exist_ok=True)
    held = _lease(marker)
    if held.is_locked:  # by this thread; filelock would let it in
        raise Busy(marker, "this process")
    _acquire(held, marker, wait)
    try:
        yield held
    finally:
        held.release()
        _watched.pop((threading.get_ident(), marker), None)


def _acquire(held: Lease, marker: Path, wait: bool) -> None:
    begin = time.monotonic()
    while True:
        try:
            held.acquire(timeout=REPORT if wait else 0, poll_interval=POLL)
            return
        except Timeout:
            if not wait:
                raise Busy(marker, held.holder()) from None
            log.info(
                "waiting for %s, held by %s, for %.0f s now",
                *(marker.with_suffix(""), held.holder(), time.monotonic() - begin),
            )


def is_held(marker: Path) -> bool:
    """Whether a living process holds `marker`; a dead one's marker is removed."""
    if not marker.exists():
        return False
    try:
        with lease(marker, wait=False):
            return False
    except Busy:
        return True


def local_owner(marker: Path) -> int | None:
    """The process id in `marker`, dead or alive, if it is one of this machine."""
    owner = _lease(marker).owner
    return owner.pid if owner is not None and owner.hostname == socket.gethostname() else None


def _lease(marker: Path) -> Lease:
    key = (threading.get_ident(), marker)
    if key not in _watched:
        _watched[key] = Lease(marker, lease_duration=SILENCE, heartbeat_interval=HEARTBEAT)
    return _watched[key]
