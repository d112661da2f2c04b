"""The small sweep on a real Slurm of one node: the rows of one process, whatever happens to the workers."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable

import pytest

from synth_scaling import status
from synth_scaling.sweep.launchers import squeue
from tests.support.one_node import OneNode
from tests.support.processes import of_slurm, until
from tests.survival.conftest import VLLM, Small

pytestmark = pytest.mark.cluster

FEW = ("method=sft,rft", "seed=0")
SLURM = (*VLLM, "hydra/launcher=slurm", "hydra.launcher.workers=2", "hydra.launcher.poll=1")


def check(small: Small, undisturbed: Small, runs: int) -> None:
    """The rows are those of `undisturbed`, bit for bit, and no stage was made twice."""
    rows, answers = small.rows(), small.answers()
    assert len(rows) == len(answers) == runs
    assert rows == {name: undisturbed.rows()[name] for name in rows}
    assert answers == {name: undisturbed.answers()[name] for name in answers}
    assert max(small.made().values()) == 1, "a stage was made twice"


def check_order(small: Small) -> None:
    """Nothing lies about but submitit's script, whose name is hidden."""
    assert [path for path in small.leftovers() if path.parent.name != "slurm"] == []


def job(small: Small) -> str:
    """The number of the array that was submitted last."""
    return re.findall(r"slurm: job (\d+), 2 workers", small.log())[-1]


def test_two_workers_make_the_rows_of_one_process(
    slurm: OneNode, small: Callable[..., Small], undisturbed: Small
) -> None:
    again = small()
    assert again.run(*SLURM) == 0, again.log()[-3000:]
    check(again, undisturbed, 6)
    check_order(again)
    assert "slurm: workers none left; 6 of 6 runs done" in again.log()


def test_workers_nobody_waits_for_survive_a_kill_and_a_notice(
    slurm: OneNode, small: Callable[..., Small], undisturbed: Small
) -> None:
    """One is killed, one told to stop: that one is put back into the queue, and makes what is left."""
    struck = small()
    assert struck.run(*SLURM, *FEW, "--no-wait") == 0, struck.log()
    assert "2 runs, 0 done" in struck.log() and "slurm: not waiting" in struck.log()
    until(lambda: (struck.store / "made.jsonl").exists() and len(of_slurm(struck)) == 2)
    of_slurm(struck)[0].send_signal(signal.SIGKILL)
    until(lambda: len(squeue.queued([f"{job(struck)}_0", f"{job(struck)}_1"]) or []) == 1)
    slurm.run("scancel", "--signal=TERM", job(struck))
    until(lambda: "Restarts=1" in slurm.run("scontrol", "show", "job", job(struck)))
    until(lambda: squeue.queued([f"{job(struck)}_0", f"{job(struck)}_1"]) == [])
    _, runs = status.survey(struck.output)
    assert {run.state for run in runs} == {"done"}
    assert struck.run(*SLURM, *FEW) == 0 and "2 runs, 2 done" in struck.log()
    check(struck, undisturbed, 2)


def test_launched_again_after_the_workers_were_cancelled(
    slurm: OneNode, small: Callable[..., Small], undisturbed: Small
) -> None:
    struck = small()
    process = struck.begin(*SLURM, *FEW)
    until(lambda: (struck.store / "made.jsonl").exists())
    process.kill()
    process.wait()
    slurm.run("scancel", job(struck))
    until(lambda: of_slurm(struck) == [])
    assert len(struck.rows()) < 2
    assert struck.run(*SLURM, *FEW) == 0, struck.log()[-3000:]
    check(struck, undisturbed, 2)
    check_order(struck)


def test_a_failed_run_makes_the_launch_fail(slurm: OneNode, small: Callable[..., Small], undisturbed: Small) -> None:
    failing = small()
    shutil.copytree(undisturbed.store / "base", failing.store / "base")
    (failing.store / "responses").write_text("a file where a folder should be: nothing can be sampled")
    assert failing.run(*SLURM, "method=sft") == 1
    assert "2 of 2 runs failed:" in failing.log() and "responses" in failing.log()


def test_a_refusal_of_slurm_is_one_line(slurm: OneNode, small: Callable[..., Small]) -> None:
    refused = small()
    assert refused.run(*SLURM, "hydra.launcher.partition=nowhere") == 2
    assert refused.log().splitlines()[-1].startswith("configuration refused: hydra/launcher=slurm: sbatch refused: ")
