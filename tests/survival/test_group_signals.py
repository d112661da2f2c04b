"""Signals to the process group of a sweep at random moments: exit code 75, checkpoints, rows as without them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from synth_scaling.system.signals import EXIT_CODE
from tests.survival.conftest import VLLM, Small

NUMBERS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def signalled(small: Small, rng: random.Random, words: tuple[str, ...]) -> int | None:
    """Launch the sweep and signal its group at a random moment; the exit code, None if it was over before."""
    process, files = small.begin(*words), small.files() + rng.randrange(1, 25)
    with suppress(subprocess.TimeoutExpired):  # time for Python's start, during which no handler is there
        process.wait(1)
    while small.files() < files and process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    with suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0, 3))
        return None
    started = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, rng.choice(NUMBERS))
    code = process.wait()
    assert psutil.wait_procs(started, 60)[1] == []
    return code


def checkpoints(small: Small) -> list[Path]:
    return list(small.store.glob("*/*.partial-*/resume/checkpoint-*"))


def signals_change_nothing(
    count: int,
    undisturbed: Small,
    small: Callable[..., Small],
    capsys: pytest.CaptureFixture,
    words: tuple[str, ...] = (),
) -> None:
    rng, sweep, sweeps = random.Random(0), small("signalled-0"), 1
    sent = stopped_trainings = resumed = 0
    while sent < count:
        left, lines = checkpoints(sweep), sweep.log().count("training resumes from") if sent else 0
        code = signalled(sweep, rng, words)
        if left:
            resumed += min(len(left), sweep.log().count("training resumes from") - lines)
        if code is None:  # it ended first: the next sweep begins with nothing
            assert sweep.rows() == undisturbed.rows() and sweep.leftovers() == [], sweep.log()[-3000:]
            sweep, sweeps = small(f"signalled-{sweeps}"), sweeps + 1
            continue
        assert code == EXIT_CODE, sweep.log()[-3000:]
        sent += 1
        stopped_trainings += len(checkpoints(sweep))
        assert "SIGKILL" not in sweep.log() and "Traceback" not in sweep.log(), sweep.log()[-3000:]
    assert sweep.run(*words) == 0, sweep.log()[-3000:]
    assert sweep.rows() == undisturbed.rows() and sweep.answers() == undisturbed.answers()
    assert sweep.leftovers() == [] and set(sweep.made().values()) == {1}
    with capsys.disabled():
        print(f"{sent} signals, {sweeps} sweeps; checkpoints at their ends {stopped_trainings}, resumed {resumed}")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_few_signals_to_the_group(
    undisturbed: Small, small: Callable[..., Small], capsys: pytest.CaptureFixture
) -> None:
    signals_change_nothing(3, undisturbed, small, capsys)


@pytest.mark.attack
@pytest.mark.timeout(10_000)
def test_a_hundred_signals_to_the_group(small: Callable[..., Small], capsys: pytest.CaptureFixture) -> None:
    """With vLLM, whose start takes up some of the moments."""
    undisturbed = small("undisturbed")
    assert undisturbed.run(*VLLM) == 0, undisturbed.log()
    signals_change_nothing(100, undisturbed, small, capsys, VLLM)
