"""Worker processes: what is killed is known and nothing else suffers, in the order of the calls."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from pebble.pool.channel import WorkerChannel
from pebble.pool.process import WORKERS_NAME

from synth_scaling.grading import workers
from synth_scaling.grading.rewards import SHORT, grade, in_worker
from synth_scaling.grading.workers import WorkerKilled
from tests.support.killers import ENDLESS, always_killed, busy, even, hard, killed_once, mixed, pattern, waiting

KILLED = (13, 29, 31)


def test_results_come_in_order() -> None:
    assert list(workers.run(even, [(i,) for i in range(200)], 30.0)) == [i % 2 == 0 for i in range(200)]


def test_results_stay_with_their_calls_whatever_dies_between_them(tmp_path: Path) -> None:
    """Calls that never end and workers killed from outside, among calls that are correct in no regular pattern."""
    killed = {3, 40, 41, 77}
    calls = [(i, str(tmp_path), int(signal.SIGKILL) if i in killed else 0) for i in range(90)]
    assert list(workers.run(mixed, calls, 4.0)) == [None if i in ENDLESS else pattern(i) for i in range(90)]


def test_results_of_another_chunk_are_never_used() -> None:
    call = workers._schedule(even, [(1,), (2,)], 30.0)
    assert workers._result(call) == [False, True]
    for other in (replace(call, token=call.token + 1), replace(call, size=3)):
        assert isinstance(workers._result(other), workers._Death)


def test_nothing_to_do() -> None:
    assert list(workers.run(even, [], 30.0)) == []


def test_a_call_that_never_ends_is_killed_and_the_others_are_graded() -> None:
    expected = [None if i % 50 in KILLED else i % 2 == 0 for i in range(60)]
    assert list(workers.run(hard, [(i,) for i in range(60)], 2.0)) == expected


def test_the_bound_is_on_cpu_time_and_a_call_that_waits_is_not_over_it() -> None:
    """As on a machine whose cores are all taken: the clock says nothing about a call."""
    assert list(workers.run(waiting, [(1.5, i) for i in range(2)], 0.5)) == [True, False]
    assert list(workers.run(busy, [(1.5, i) for i in range(2)], 0.5)) == [None, None]


def test_no_worker_is_left_when_the_semaphores_it_looks_for_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is still starting would print a traceback after the results are out."""
    removed, left = WorkerChannel.close, []

    def close(channel: WorkerChannel) -> None:
        left.append([child.name for child in multiprocessing.active_children() if child.name == WORKERS_NAME])
        removed(channel)

    assert list(workers.run(even, [(1,)], 30.0)) == [False]
    monkeypatch.setattr(WorkerChannel, "close", close)
    workers._close()
    assert left == [[]]


def test_other_workers_take_over_when_all_are_dead() -> None:
    assert list(workers.run(even, [(1,)], 30.0)) == [False]
    for child in multiprocessing.active_children():
        if child.name == WORKERS_NAME:
            os.kill(child.pid or 0, signal.SIGKILL)
            child.join(10)
    assert list(workers.run(even, [(2,), (3,)], 30.0)) == [True, False]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_calls_of_a_worker_killed_from_outside_are_repeated(number: signal.Signals, tmp_path: Path) -> None:
    calls = [(i, str(tmp_path), int(number)) for i in range(12)]
    assert list(workers.run(killed_once, calls, 30.0)) == [i % 2 == 0 for i in range(12)]


def test_a_single_call_whose_worker_is_killed_is_repeated(tmp_path: Path) -> None:
    assert list(workers.run(killed_once, [(10, str(tmp_path), int(signal.SIGKILL))], 30.0)) == [True]


@pytest.mark.parametrize("n", [1, 6])
def test_a_worker_killed_twice_is_an_error_and_no_grade(n: int) -> None:
    with pytest.raises(WorkerKilled, match="killed by SIGKILL"):
        list(workers.run(always_killed, [(i, int(signal.SIGKILL)) for i in range(n)], 30.0))
    assert list(workers.run(even, [(2,), (3,)], 30.0)) == [True, False]  # the next call is none the worse


def test_a_signal_to_all_workers_costs_no_grade() -> None:
    """As when the process group is signalled: correct answers stay correct, in this call and in the next."""
    pairs = [(f"x+{i}", rf"\boxed{{{i}+x+0x}}") for i in range(40)]
    assert all(grade("latex", pairs).rewards)
    later = workers.run(in_worker, [("latex", *pair, False, False) for pair in pairs], 30.0)
    first = next(later)
    for child in multiprocessing.active_children():
        if child.name == WORKERS_NAME:
            os.kill(child.pid or 0, signal.SIGTERM)
    assert first and all(later) and all(grade("latex", pairs).rewards)


def test_after_a_termination_signal_no_grades_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    from synth_scaling.system import signals
    from synth_scaling.tasks import grade_all
    from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions

    task = WordSums(WordSumsOptions(n_test=2, n_validation=2))
    pairs = [(problem, f"#### {problem.answer}") for problem in task.problems("test", 2, 0)]
    assert grade_all(task, pairs).rewards == [True, True]
    monkeypatch.setattr(signals, "requested", lambda: "SIGTERM")
    with pytest.raises(signals.Interrupted, match="SIGTERM"):
        grade_all(task, pairs)


@pytest.mark.parametrize("long", [False, True])
def test_numbers_short_and_long(long: bool) -> None:
    filler = "word " * SHORT if long else ""
    pairs = [("72", f"{filler}\n#### 72"), ("72", f"{filler}\n#### 73"), ("72", filler), ("72", f"#### 72\n{filler}")]
    grades = grade("number", pairs)
    assert grades.rewards == [True, False, False, True] and grades.over_bound == 0


def test_a_power_tower_hits_the_bound_and_counts_as_incorrect() -> None:
    pairs = [(str(i), rf"\boxed{{{i}+0x}}") for i in range(20)]
    pairs[7] = ("5", r"\boxed{9^{9^{9^{9}}}}")
    grades = grade("latex", pairs, bound=4.0)
    assert grades.over_bound == 1
    assert grades.rewards == [i != 7 for i in range(20)]
