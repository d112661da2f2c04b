"""Who is at work on what: a marker file with its owner, refreshed while the owner lives and taken over when it is dead.

filelock's SoftFileLease does it with exclusive creation alone, so it is right on one machine and on shared folders. An
owner on this host whose process is gone is succeeded at once; one on another host when its marker was not refreshed for
`SILENCE` seconds of the watcher's own clock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import SoftFileLease, Timeout

SILENCE = 120.0  # seconds; everyone who shares a folder must agree on it
HEARTBEAT = 10.0
POLL = 0.2

_watched: dict[tuple[int, Path], SoftFileLease] = {}  # how long a marker has been silent is known by watching it


class Busy(Exception):
    """Somebody else is at work on what `marker` stands for."""

    def __init__(self, marker: Path) -> None:
        super().__init__(f"somebody else is at work on {marker.with_suffix('')}")
        self.marker = marker


@contextmanager
def lease(marker: Path, wait: bool) -> Iterator[SoftFileLease]:
    """Hold `marker` for the length of the block. Raises Busy if it is held by another and not to be waited for."""
    marker.parent.mkdir(parents=True, exist_ok=True)
    held = _lease(marker)
    if held.is_locked:  # by this very thread; filelock would let it in
        raise Busy(marker)
    try:
        held.acquire(timeout=-1 if wait else 0, poll_interval=POLL)
    except Timeout:
        raise Busy(marker) from None
    try:
        yield held
    finally:
        held.release()
        _watched.pop((threading.get_ident(), marker), None)


def is_held(marker: Path) -> bool:
    """Whether a living owner holds `marker`; a dead one's is removed."""
    if not marker.exists():
        return False
    try:
        with lease(marker, wait=False):
            return False
    except Busy:
        return True


def _lease(marker: Path) -> SoftFileLease:
    key = (threading.get_ident(), marker)
    if key not in _watched:
        _watched[key] = SoftFileLease(marker, lease_duration=SILENCE, heartbeat_interval=HEARTBEAT)
    return _watched[key]
