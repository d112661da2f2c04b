"""Worker processes: what is killed is known and nothing else suffers, in the order of the calls."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from synth_scaling.grading import workers
from synth_scaling.grading.rewards import SHORT, grade
from tests.support.killers import even, hard

KILLED = (13, 29, 31)


def test_results_come_in_order() -> None:
    assert list(workers.run(even, [(i,) for i in range(200)], 30.0)) == [i % 2 == 0 for i in range(200)]


def test_nothing_to_do() -> None:
    assert list(workers.run(even, [], 30.0)) == []


def test_what_never_ends_is_killed_and_the_rest_is_graded() -> None:
    expected = [None if i % 50 in KILLED else i % 2 == 0 for i in range(60)]
    assert list(workers.run(hard, [(i,) for i in range(60)], 2.0)) == expected


def test_other_workers_take_over_when_all_are_dead() -> None:
    assert list(workers.run(even, [(1,)], 30.0)) == [False]
    for child in multiprocessing.active_children():
        if child.name.startswith("pebble"):
            os.kill(child.pid or 0, signal.SIGKILL)
            child.join(10)
    assert list(workers.run(even, [(2,), (3,)], 30.0)) == [True, False]


@pytest.mark.parametrize("long", [False, True])
def test_numbers_short_and_long(long: bool) -> None:
    filler = "word " * SHORT if long else ""
    pairs = [("72", f"{filler}\n#### 72"), ("72", f"{filler}\n#### 73"), ("72", filler), ("72", f"#### 72\n{filler}")]
    grades = grade("number", pairs)
    assert grades.rewards == [True, False, False, True] and grades.over_bound == 0


def test_a_power_tower_hits_the_bound_and_counts_as_wrong() -> None:
    pairs = [(str(i), rf"\boxed{{{i}+0x}}") for i in range(20)]
    pairs[7] = ("5", r"\boxed{9^{9^{9^{9}}}}")
    grades = grade("latex", pairs, bound=4.0)
    assert grades.over_bound == 1
    assert grades.rewards == [i != 7 for i in range(20)]
