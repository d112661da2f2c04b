"""The small sweep is killed at random moments and launched again: it ends as if nothing had been (`make test-chaos`).

A moment is some number of files that a launch has written, and up to two seconds more; the one that is killed is the
launch, one of its workers, or one of their engines. The rest lives on for a while, or not.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from tests.survival.conftest import VLLM, Small

KILLS = 20
ENGINE = (*VLLM, "engine.shard=64")  # in a process of its own


def strike(small: Small, process: subprocess.Popen, rng: random.Random) -> str:
    """Kill one process of a launch at a random moment; what it was, or "" if the launch was over before."""
    before, files = small.files(), rng.randrange(1, 40)
    while small.files() < before + files:
        if process.poll() is not None:
            return ""
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    with suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0, 2))
        return ""
    main = psutil.Process(process.pid)
    victim = rng.choice([main, *main.children(recursive=True)])
    with suppress(psutil.NoSuchProcess):
        depth = "launch" if victim == main else "worker" if victim.parent() == main else "engine or helper"
        victim.kill()
        return depth
    return "gone"


def end(process: subprocess.Popen) -> None:
    """Kill all that is left of a launch, as when a machine goes down."""
    for member in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(member.pid) == process.pid:
                member.kill()
    process.wait()


def check(small: Small, undisturbed: Small) -> None:
    assert small.rows() == undisturbed.rows() and len(small.rows()) == 6
    assert small.answers() == undisturbed.answers()
    assert max(small.made().values()) == 1, "a finished stage was made again"
    assert small.leftovers() == []


@pytest.mark.chaos
@pytest.mark.timeout(5400)
def test_a_sweep_that_is_killed_twenty_times_ends_with_the_same_rows(small: Callable[..., Small]) -> None:
    undisturbed = small("undisturbed")
    assert undisturbed.run(*ENGINE) == 0, undisturbed.log()
    rng, killed = random.Random(0), small("killed-0")
    struck: list[str] = []
    finished = 0
    while len(struck) < KILLS:
        process = killed.begin(*ENGINE)
        if what := strike(killed, process, rng):
            struck.append(what)
            if rng.random() < 0.5:  # the others live on
                with suppress(subprocess.TimeoutExpired):
                    process.wait(rng.uniform(0, 10))
        elif process.returncode == 0:  # it ended first: the next one begins with nothing
            check(killed, undisturbed)
            finished += 1
            killed = small(f"killed-{finished}")
        end(process)
    assert killed.run(*ENGINE) == 0, killed.log()[-3000:]
    check(killed, undisturbed)
    print(f"killed {len(struck)} times ({', '.join(struck)}); {finished + 1} sweeps finished")
