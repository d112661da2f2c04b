"""Progress without a terminal: lines in the log, as far apart as they should be, and nothing on standard error."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from synth_scaling.core import progress
from synth_scaling.core.progress import Progress


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="synth_scaling")


def work(seconds_each: float, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`n` pieces of work, as far apart by the clock that the lines go by."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(total=n, desc="pairs") as shown:
        for _ in range(n):
            now[0] += seconds_each
            shown.update()


def test_there_is_a_line_every_20_seconds(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(5.0, 10, monkeypatch)
    assert [record.message for record in caplog.records] == ["  pairs: 4 of 10", "  pairs: 8 of 10"]
    assert capsys.readouterr() == ("", "")


def test_short_work_has_no_line(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(1.0, 10, monkeypatch)
    assert list(Progress(iter("abc"), desc="no total")) == ["a", "b", "c"]
    assert not caplog.records and capsys.readouterr() == ("", "")


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    work(5.0, 10, monkeypatch)
    assert "pairs: 100%" in capsys.readouterr().err


def test_a_bar_that_the_environment_disables_still_has_its_time() -> None:
    """vLLM divides by it. tqdm reads the variable when it is imported."""
    code = "from synth_scaling.core.progress import Progress; print(Progress(total=1).format_dict['elapsed'] > 0)"
    environment = os.environ | {"TQDM_DISABLE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
