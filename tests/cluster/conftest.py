"""A real Slurm and a real Ray on this machine, and the small sweep of tests/survival as it comes out in one process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.one_node import OneNode
from tests.survival.conftest import VLLM, Small


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """From an empty store, in one process."""
    small = Small(tmp_path_factory.mktemp("undisturbed"))
    assert small.run(*VLLM, "hydra.launcher.n_jobs=1") == 0, small.log()
    return small


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Small]:
    return lambda name="again": Small(tmp_path / name)


@pytest.fixture(scope="session")
def slurm() -> Iterator[OneNode]:
    """The environment points at it."""
    # A short path: munge's socket must fit into 107 characters.
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        OneNode(Path(folder)) as node,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("SLURM_CONF", node.environment["SLURM_CONF"])
        yield node


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """Of a Ray that runs already when a sweep is launched."""
    command = str(Path(sys.executable).with_name("ray"))
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_AUTH_MODE", "disabled")
        options = ("--head", "--port=0", f"--num-cpus={max(2, os.cpu_count() or 1)}", "--include-dashboard=false")
        before = set(psutil.pids())
        subprocess.run([command, "start", *options, "--disable-usage-stats"], check=True, capture_output=True)
        yield (Path(folder) / "ray" / "ray_current_cluster").read_text().strip()
        started = [
            process for process in psutil.process_iter() if process.pid not in before and of_ray(process, folder)
        ]
        for process in started:
            process.terminate()
        for process in psutil.wait_procs(started, timeout=5)[1]:
            process.kill()


def of_ray(process: psutil.Process, folder: str) -> bool:
    """Whether it belongs to the Ray whose sessions lie in `folder`."""
    try:
        return process.environ().get("RAY_TMPDIR") == folder and process.pid != os.getpid()
    except psutil.Error:
        return False
