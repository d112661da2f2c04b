"""Leases: exclusion, takeover of dead and empty markers, and what a process that was superseded can tell."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from synth_scaling.system import leases
from synth_scaling.system.leases import Busy, LeaseLost, is_held, lease


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "stage" / "0123.lock"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silence that a test can wait for."""
    monkeypatch.setattr(leases, "SILENCE", 0.4)
    monkeypatch.setattr(leases, "HEARTBEAT", 0.1)


def test_only_one_holds_a_marker_and_it_goes_with_the_block(marker: Path) -> None:
    with lease(marker, wait=False) as held:
        held.check()
        assert marker.exists() and is_held(marker)
        with pytest.raises(Busy, match="this process"), lease(marker, wait=False):
            pass
    assert not marker.exists() and not is_held(marker)


def test_the_holder_is_named(marker: Path) -> None:
    with lease(marker, wait=False):
        messages: list[str] = []

        def contend() -> None:
            try:
                with lease(marker, wait=False):
                    pass
            except Busy as busy:
                messages.append(str(busy))

        thread = threading.Thread(target=contend)
        thread.start()
        thread.join()
    assert f"process {os.getpid()} on " in messages[0] and "0123" in messages[0]


def test_an_empty_marker_is_taken_over_after_the_silence_and_not_before(marker: Path, short: None) -> None:
    marker.parent.mkdir()
    marker.touch()
    with pytest.raises(Busy, match="empty"), lease(marker, wait=False):
        pass
    assert is_held(marker)
    with lease(marker, wait=True) as held:
        held.check()
        assert marker.stat().st_size > 0
    assert not marker.exists()


def test_an_empty_marker_that_is_filled_in_time_is_its_owners(marker: Path, short: None, tmp_path: Path) -> None:
    with lease(tmp_path / "other.lock", wait=False):
        text = (tmp_path / "other.lock").read_text()
        marker.parent.mkdir()
        marker.touch()
        assert is_held(marker)
        marker.write_text(text)  # the slow owner's record: a living process
        assert is_held(marker)


@pytest.mark.parametrize("text", ["", "\n", "\0" * 40, "filelock/2\npid=1", "{}", "x" * 2000])
def test_no_content_of_a_marker_is_held_for_ever(marker: Path, short: None, text: str) -> None:
    marker.parent.mkdir()
    marker.write_text(text)
    with lease(marker, wait=True) as held:
        held.check()


def test_a_dead_process_is_succeeded_at_once(marker: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from synth_scaling.system.leases import lease\n"
        "with lease(Path(sys.argv[1]), wait=False): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(marker)]).returncode == -9
    assert marker.stat().st_size > 0
    with lease(marker, wait=False) as held:
        held.check()


def test_a_superseded_holder_gets_lease_lost(marker: Path) -> None:
    with lease(marker, wait=False) as held:
        marker.unlink()
        with pytest.raises(LeaseLost, match="0123"):
            held.check()
        taken = leases.Lease(marker, lease_duration=leases.SILENCE, heartbeat_interval=leases.HEARTBEAT)
        taken.acquire(timeout=5)
        with pytest.raises(LeaseLost):
            held.check()
        taken.check()
        taken.release()


def test_a_long_wait_names_the_stage_the_holder_and_the_time(
    marker: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(leases, "REPORT", 0.3)
    log = logging.getLogger("synth_scaling")
    monkeypatch.setattr(log, "propagate", True)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lease(marker, wait=False):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)

    class Leave(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            leave.set()

    handler = Leave()
    log.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "synth_scaling"), lease(marker, wait=True):
            pass
    finally:
        log.removeHandler(handler)
        thread.join()
    assert f"waiting for {marker.with_suffix('')}, held by process {os.getpid()} on " in caplog.text
