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


# Bytes that the folder of the small sweep may have: not enough for its plan, for its first run, for all of its runs.
ROOM = ("16k", "64k", "160k")


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


@pytest.mark.parametrize("room", ROOM)
def test_a_full_disk_under_the_output_is_named_and_no_run_is_both_done_and_failed(
    room: str, undisturbed: Small, small: Callable[..., Small], small_disk: Callable[[str], Path]
) -> None:
    """The stages are in a store on another disk."""
    full = small("full", undisturbed.store)
    full.output = small_disk(room) / "out"
    assert full.run("hydra.launcher.n_jobs=1") == 1
    assert set(failures(full).values()) <= {"disk_full"}
    assert "disk_full: " in full.log() and "its worker ended" not in full.log()
    assert "Traceback" not in full.log()
    for done in full.output.glob("runs/*/DONE"):
        assert not (done.parent / "error.txt").exists() and not (done.parent / "failure.json").exists()
    small_disk("1g")
    assert full.run() == 0, full.log()[-3000:]
    assert full.rows() == undisturbed.rows() and full.leftovers() == []


def test_collect_on_a_full_disk_leaves_the_rows_that_it_would_replace(
    undisturbed: Small, small_disk: Callable[[str], Path]
) -> None:
    command = [sys.executable, "-m", "analysis", "collect", str(undisturbed.output)]
    place = small_disk("1g") / "rows"
    subprocess.run([*command, str(place)], check=True)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    small_disk(f"{sum(map(len, before.values())) // 1024 + 12}k")  # no room for a second copy
    done = subprocess.run([*command, str(place)], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr == "analysis: [Errno 28] No space left on device\n"
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
