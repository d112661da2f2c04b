"""Faults during a sweep: each run that cannot continue records the reason, the others are unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.survival.conftest import Small

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system that can be made larger: `small_disk("2m")`."""
    place = tmp_path / "disk"
    place.mkdir()

    def sized(size: str) -> Path:
        again = "remount," if place.is_mount() else ""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{again}size={size}", "tmpfs", str(place)], check=True)
        return place

    try:
        sized("1m")
    except subprocess.CalledProcessError:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield sized
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def failures(small: Small) -> dict[str, str]:
    """Runs that failed, by the word for why."""
    return {file.parent.name: json.loads(file.read_text())["kind"] for file in small.output.glob("runs/*/failure.json")}


def verify(store: Path) -> None:
    subprocess.run([sys.executable, "-m", "synth_scaling.store", "verify", str(store)], check=True)


def test_a_training_that_diverges_fails_its_run_alone(undisturbed: Small, small: Callable[..., Small]) -> None:
    one = small("one")
    shutil.copytree(undisturbed.store / "base", one.store / "base")
    grid = ("method=sft", "seed=0", "method.learning_rate=1e-3,1e30", "hydra.launcher.n_jobs=1")
    assert one.run(*grid) == 1
    assert list(failures(one).values()) == ["diverged"] and "1 of 2 runs failed" in one.log()
    ((name, row),) = one.rows().items()
    assert row == undisturbed.rows()[name]
    verify(one.store)
    assert one.leftovers() == []


def test_a_full_disk_fails_the_runs_in_progress_and_the_sweep_continues_when_there_is_room(
    undisturbed: Small, small: Callable[..., Small], small_disk: Callable[[str], Path]
) -> None:
    """There is room for the base and not for all policies."""
    base = sum(file.stat().st_size for file in (undisturbed.store / "base").rglob("*") if file.is_file())
    store = small_disk(f"{base // 1024 + 600}k") / "store"
    full = small("full", store)
    shutil.copytree(undisturbed.store / "base", store / "base")
    assert full.run("hydra.launcher.n_jobs=1") == 1
    actual = failures(full)
    assert actual and set(actual.values()) == {"disk_full"}, full.log()[-3000:]
    verify(store)
    small_disk("1g")
    assert full.run() == 0, full.log()[-3000:]
    assert full.rows() == undisturbed.rows() and full.leftovers() == []
    assert max(full.made().values()) == 1
