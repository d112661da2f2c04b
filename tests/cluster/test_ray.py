"""The small sweep on a real Ray, one that is started for it and one that is there: the rows of one process."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable

import pytest

from tests.cluster.test_slurm import FEW, check, check_order
from tests.support.processes import of_ray, until
from tests.survival.conftest import VLLM, Small

pytestmark = pytest.mark.cluster

RAY = (*VLLM, "hydra/launcher=ray", "hydra.launcher.workers=2")


def test_two_workers_make_the_rows_of_one_process(small: Callable[..., Small], undisturbed: Small) -> None:
    """On a Ray of the launch's own."""
    again = small()
    assert again.run(*RAY) == 0, again.log()[-3000:]
    check(again, undisturbed, 6)
    check_order(again)
    assert of_ray() == []


def test_launched_again_after_a_worker_and_the_launch_were_killed(
    ray_address: str, small: Callable[..., Small], undisturbed: Small
) -> None:
    struck, there = small(), f"hydra.launcher.address={ray_address}"
    process = struck.begin(*RAY, *FEW, there)
    until(lambda: (struck.store / "made.jsonl").exists() and len(of_ray()) == 2)
    of_ray()[0].send_signal(signal.SIGKILL)
    until(lambda: "a worker ended with" in struck.log() or "died" in struck.log() or len(struck.rows()) > 0)
    process.kill()
    process.wait()
    until(lambda: of_ray() == [])
    assert len(struck.rows()) < 2
    assert struck.run(*RAY, *FEW, there) == 0, struck.log()[-3000:]
    check(struck, undisturbed, 2)
    check_order(struck)


def test_a_failed_run_makes_the_launch_fail(ray_address: str, small: Callable[..., Small], undisturbed: Small) -> None:
    failing = small()
    shutil.copytree(undisturbed.store / "base", failing.store / "base")
    (failing.store / "responses").write_text("a file where a folder should be: nothing can be sampled")
    assert failing.run(*RAY, f"hydra.launcher.address={ray_address}", "method=sft") == 1
    assert "2 of 2 runs failed:" in failing.log() and "responses" in failing.log()


def test_workers_that_never_fit_are_refused(small: Callable[..., Small]) -> None:
    refused = small()
    assert refused.run(*RAY, "hydra.launcher.num_cpus=1000") == 2
    assert "configuration refused: hydra.launcher.num_cpus=1000.0: allowed are up to " in refused.log()
