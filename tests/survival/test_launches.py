"""Launches beside each other, launches again, and failures, with real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from synth_scaling import status
from synth_scaling.sweep.sweeper import SweepFailed, report
from synth_scaling.system import signals
from tests.survival.conftest import Small

pytestmark = pytest.mark.slow


def test_four_launches_at_once_make_each_stage_once(undisturbed: Small, small: Callable[..., Small]) -> None:
    """Two share their output, too; the others only the store."""
    first = small("first")
    launches = [first, first, small("second", first.store), small("third", first.store)]
    processes = [launch.begin("hydra.launcher.n_jobs=1") for launch in launches]
    assert [process.wait() for process in processes] == [0] * 4, first.log()[-3000:]
    for launch in launches:
        assert launch.rows() == undisturbed.rows() and launch.answers() == undisturbed.answers()
    assert first.made() == undisturbed.made() and set(first.made().values()) == {1}
    assert first.leftovers() == []


def test_a_finished_sweep_launched_again_computes_nothing(undisturbed: Small) -> None:
    files = {file: file.stat().st_mtime_ns for file in undisturbed.folder.rglob("*") if file.is_file()}
    assert undisturbed.run() == 0
    assert "6 runs, 6 done, 0 failed, 0 to run" in undisturbed.log()
    changed = {file.name for file in files if file.stat().st_mtime_ns != files[file]}
    assert changed <= {"plan.json", "log.txt"}


def test_workers_stop_with_their_launch(undisturbed: Small, small: Callable[..., Small]) -> None:
    """Told to stop, a launch passes it on and says so; killed, it cannot, and its workers see that it is gone."""
    stopped = small("stopped")
    ends = ((signal.SIGTERM, signals.EXIT_CODE), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL))
    for number, code in ends:
        started, process = stopped.files(), stopped.begin()
        while stopped.files() < started + 8 and process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        workers = psutil.Process(process.pid).children(recursive=True)
        if number == signal.SIGINT:  # a terminal sends it to the group
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.wait() == code, stopped.log()[-3000:]
        assert psutil.wait_procs(workers, 60)[1] == []
    assert "stopped by SIGTERM: finished stages are in the store" in stopped.log()
    assert "interrupted: finished stages are in the store" in stopped.log() and "Traceback" not in stopped.log()
    assert len(stopped.rows()) < 6
    assert stopped.run() == 0
    assert stopped.rows() == undisturbed.rows() and stopped.leftovers() == []


def test_a_failed_run_is_named_counted_and_computed_by_retry(undisturbed: Small, small: Callable[..., Small]) -> None:
    failing = small("failing")
    shutil.copytree(undisturbed.store / "base", failing.store / "base")
    (failing.store / "responses").write_text("a file where a folder should be: nothing can be sampled")
    grid = ("method=sft", "seed=0,1", "hydra.launcher.n_jobs=1")
    assert failing.run(*grid) == 1
    assert "2 of 2 runs failed:" in failing.log() and "Traceback" not in failing.log()
    plan, runs = status.survey(failing.output)
    assert [run.state for run in runs] == ["failed", "failed"]
    assert all("responses" in run.error for run in runs)
    with pytest.raises(SweepFailed, match="responses"):
        report(failing.output, plan)

    (failing.store / "responses").unlink()
    command = [sys.executable, "-m", "synth_scaling.retry", str(failing.output), "--only", "failed"]
    subprocess.run(command, check=True)
    rows = undisturbed.rows()
    assert failing.rows() == {run.name: rows[run.name] for run in runs}
    assert not list(failing.output.glob("runs/*/failure.json"))
