"""Told to stop: a real process gets real signals."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from synth_scaling.system.signals import EXIT_CODE, SIGNALS, Interrupted
from tests.support.processes import until

ROOT = Path(__file__).parents[2]
BEGIN = "from synth_scaling.system import signals as i\ni.install()\nready = lambda: print('ready', flush=True)\n"
LOOP = "\nready()\nwhile True: i.check()\n"


@contextmanager
def process(code: str) -> Iterator[subprocess.Popen]:
    """A process that listens and then runs `code`, up to where that calls `ready`."""
    command = [sys.executable, "-c", BEGIN + code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_loop_that_asks_ends_with_the_code_that_queues_again(number: signal.Signals) -> None:
    code = "try:\n    ready()\n    while True: i.check()\nexcept BaseException as error:\n    print(error)\n    raise\n"
    with process(code + "finally:\n    print('locks released')\n") as child:
        child.send_signal(number)
        out, err = child.communicate()
        assert (child.returncode, out) == (os.EX_TEMPFAIL, f"stopped by {number.name}\nlocks released\n")
        assert "Traceback" not in err


def test_a_second_signal_ends_at_once() -> None:
    code = "ready()\nwhile not i.requested(): pass\nprint('told', flush=True)\nwhile True: pass\n"
    with process(code) as child:
        child.send_signal(signal.SIGTERM)
        assert child.stdout is not None and child.stdout.readline() == "told\n"
        child.send_signal(signal.SIGUSR1)
        assert child.wait() == -signal.SIGUSR1


def test_a_child_treats_the_second_signal_as_the_first() -> None:
    code = "i.install(insist=False)\nready()\nwhile not i.requested(): pass\n"
    with process(code + "import signal\nsignal.raise_signal(signal.SIGTERM)\ni.check()\n") as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait() == EXIT_CODE


def test_a_process_without_safe_points_is_interrupted_at_once() -> None:
    code = "try:\n    ready()\n    while True: pass\nfinally:\n    print('locks released')\n"
    with process("i.PATIENCE = 1e-3\n" + code) as child:
        child.send_signal(signal.SIGTERM)
        assert child.communicate()[0] == "locks released\n"
        assert child.returncode == EXIT_CODE


def test_a_process_with_safe_points_is_not_interrupted() -> None:
    # The timer is off when `requested` has answered: nothing is left of it.
    code = "import signal\nready()\nwhile not i.requested(): pass\nprint(signal.getitimer(signal.ITIMER_REAL))\n"
    with process(code) as child:
        child.send_signal(signal.SIGTERM)
        assert child.communicate()[0] == "(0.0, 0.0)\n"
        assert child.returncode == 0  # it chose to end by itself


def test_a_process_waiting_for_remote_workers_ends_at_once() -> None:
    with process("with i.passed_on():\n    ready()\n    while True: pass\n") as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait() == -signal.SIGTERM


def test_a_process_waiting_for_joblib_jobs_forwards_a_signal() -> None:
    code = f"""
import subprocess, sys
with i.passed_on():
    worker = subprocess.Popen([sys.executable, "-c", {BEGIN + LOOP!r}, "loky"])
    print("ended with", worker.wait())
print("told", i.requested())
"""
    with process(code) as child:
        child.send_signal(signal.SIGTERM)
        assert child.communicate()[0] == f"ended with {EXIT_CODE}\ntold SIGTERM\n"


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A launch of two workers in a process group of its own, up to where both work."""
    command = [sys.executable, "-m", "tests.support.signalled_launch", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, process_group=0) as process:
        until(lambda: all((tmp_path / f"started-{i}").exists() for i in range(2)))
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name)
@pytest.mark.parametrize("group", [True, False], ids=["group", "launch"])
def test_workers_of_a_launch_have_time_for_their_checkpoints(
    number: signal.Signals, group: bool, launch: subprocess.Popen, tmp_path: Path
) -> None:
    """joblib kills the other workers when one ends with an exception, and a group's signal arrives twice."""
    os.killpg(launch.pid, number) if group else launch.send_signal(number)
    err = launch.communicate()[1]
    assert launch.returncode == EXIT_CODE and "Traceback" not in err
    assert all((tmp_path / f"ended-{i}").exists() for i in range(2))


def test_ctrl_c_stops_the_workers_of_a_launch_in_the_same_way(launch: subprocess.Popen, tmp_path: Path) -> None:
    os.killpg(launch.pid, signal.SIGINT)
    err = launch.communicate()[1]
    assert launch.returncode == -signal.SIGINT and "KeyboardInterrupt" in err  # the command turns it into 130
    assert all((tmp_path / f"ended-{i}").exists() for i in range(2)) and "Process Loky" not in err


def test_a_second_signal_to_a_launch_ends_it_at_once(launch: subprocess.Popen, tmp_path: Path) -> None:
    launch.send_signal(signal.SIGTERM)
    until(lambda: (tmp_path / "checkpoint-1").exists())
    launch.send_signal(signal.SIGTERM)
    assert launch.wait() == -signal.SIGTERM
    assert not (tmp_path / "ended-1").exists()


@pytest.mark.slow
@pytest.mark.parametrize("files", range(4))
def test_a_signal_while_workers_start_stops_the_launch(files: int, tmp_path: Path) -> None:
    """Between the launch's handler and the workers': nothing dies of it, nothing waits for ever."""
    rng = random.Random(files)
    command = [sys.executable, "-m", "tests.support.signalled_launch", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, process_group=0) as process:
        until(lambda: (tmp_path / "installed").exists())
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, 1.5))
        os.killpg(process.pid, signal.SIGTERM)
        err = process.communicate()[1]
        assert process.returncode == EXIT_CODE, err
        assert len(list(tmp_path.glob("started-*"))) == len(list(tmp_path.glob("ended-*")))


def test_before_a_command_works_a_signal_ends_it_where_it_stands() -> None:
    with process("i.install(at_once=True)\nready()\nwhile True: pass\n") as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait() == EXIT_CODE


DESTRUCTOR = """
import signal
class Last:
    def __del__(self):
        signal.raise_signal(signal.{number})
        while True: pass  # what the handler raises ends this, and is ignored
"""


@pytest.mark.parametrize("first", ["", "1e-6"])  # an alarm that comes before the hook has returned
@pytest.mark.parametrize(
    ("begin", "number", "code"),
    [
        ("i.install(at_once=True)", "SIGUSR1", EXIT_CODE),
        ("i.PATIENCE = 1e-3", "SIGTERM", EXIT_CODE),
        ("", "SIGINT", 130),
    ],
)
def test_an_interruption_in_a_destructor_is_raised_again_after_it(
    begin: str, number: str, code: int, first: str
) -> None:
    ends = "    while True: pass\nexcept KeyboardInterrupt:\n    raise SystemExit(130)\n"
    last = f"try:\n    last = Last()\n    ready()\n    del last\n{ends}"
    early = f"alarm, first = i._set_alarm, iter([{first}])\ni._set_alarm = lambda time: alarm(next(first, time))\n"
    with process(f"{early}{begin}\n{DESTRUCTOR.format(number=number)}{last}") as child:
        assert child.communicate()[1] == ""
        assert child.returncode == code


def test_other_exceptions_in_a_destructor_are_shown_as_before() -> None:
    with process("class Last:\n    def __del__(self): 1 / 0\nready()\nLast()\n") as child:
        assert "ZeroDivisionError" in child.communicate()[1]


def test_a_process_may_end_with_the_one_that_started_it() -> None:
    code = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BEGIN + "i.end_with_parent()" + LOOP!r}])
"""
    with process(code) as child:
        child.kill()
        child.communicate()  # until the other process, which holds its output, is gone as well
        assert child.returncode == -signal.SIGKILL


def test_an_interruption_crosses_processes() -> None:
    again = pickle.loads(pickle.dumps(Interrupted("SIGTERM")))
    assert (str(again), again.code, again.by) == ("stopped by SIGTERM", EXIT_CODE, "SIGTERM")
    assert not isinstance(again, Exception)  # the next run of a sweep must not begin
