"""The cores or devices that are assigned to a worker, and that it has them."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.core.validation import ConfigError
from synth_scaling.system.pinning import VISIBLE, check_pins, devices, pin_worker, share


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 4))
def test_workers_share_no_device_and_leave_none_out(each: int, workers: int, spare: int) -> None:
    names = tuple(f"GPU-{i}" for i in range(each * workers + min(spare, each - 1)))
    shares = [share(names, each, worker) for worker in range(workers)]
    assert [name for block in shares for name in block] == list(names[: each * workers])
    assert {len(block) for block in shares} == {each}
    with pytest.raises(ValueError, match=f"{each} of {len(names)} devices"):
        share(names, each, workers)


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever this machine has: the variable decides."""
    monkeypatch.setenv(VISIBLE, "0,GPU-a, 2,3")
    devices.cache_clear()
    yield
    devices.cache_clear()


def test_gpus_are_those_that_are_visible(four_gpus: None) -> None:
    assert devices("gpus") == ("0", "GPU-a", "2", "3")
    pin_worker("gpus", 2, 1)
    assert os.environ[VISIBLE] == "2,3"
    pin_worker("gpus", 2, 0)  # a process that takes another worker's place begins from all of them
    assert os.environ[VISIBLE] == "0,GPU-a"


def test_a_worker_keeps_to_its_cores_and_so_do_its_children() -> None:
    cores = sorted(os.sched_getaffinity(0))
    last = len(cores) - 1
    program = f"""
import os, subprocess, sys
from synth_scaling.system.pinning import pin_worker
pin_worker("cores", 1, {last})
pin_worker("cores", 1, {last})
child = "import os; print(sorted(os.sched_getaffinity(0)))"
subprocess.run([sys.executable, "-c", child], check=True)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.strip() == str([cores[last]])


@pytest.mark.parametrize(
    ("pin", "each", "workers", "launcher", "words"),
    [
        ("cpus", 1, 1, "joblib", "hydra.sweeper.pin=cpus: allowed are none, cores, gpus; did you mean gpus?"),
        ("gpus", 0, 1, "joblib", "hydra.sweeper.devices_per_worker=0: allowed are values of at least 1"),
        ("gpus", 2, 3, "joblib", "hydra.sweeper.devices_per_worker=2: 3 workers need 6 gpus; there are 4"),
        ("gpus", 1, 1, "slurm", "hydra.sweeper.pin=gpus: allowed is none; hydra/launcher=slurm allots devices itself"),
    ],
)
def test_impossible_pinning_is_refused(
    four_gpus: None, pin: str, each: int, workers: int, launcher: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        check_pins(pin, each, workers, launcher)
    assert str(refused.value) == words


def test_nothing_is_pinned_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "0")
    before = os.sched_getaffinity(0)
    check_pins("none", 1, 10_000, "slurm")
    pin_worker("none", 1, 9_999)
    assert (os.sched_getaffinity(0), os.environ[VISIBLE]) == (before, "0")
