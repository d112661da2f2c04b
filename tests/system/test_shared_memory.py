"""The next launch on an output removes the shared memory of launches there that were killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from synth_scaling.sweep import plan as plans
from synth_scaling.sweep.plan import Plan, announced
from synth_scaling.system import leases
from synth_scaling.system.shared_memory import remove_leftovers

DEAD = ["sem.loky-77-abc", "sem.loky-77-_x9", "joblib_memmapping_folder_77_1_2"]
OTHERS = ["sem.loky-770-abc", "sem.loky-7-abc", "sem.mp-77", "joblib_memmapping_folder_177_1", "psm_77"]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    for name in DEAD + OTHERS:
        if "folder" in name:
            (tmp_path / name).mkdir()
            (tmp_path / name / "array.pkl").write_text("x")
        else:
            (tmp_path / name).write_text("x")
    return tmp_path


def test_only_entries_that_name_the_process_are_removed(shared: Path) -> None:
    remove_leftovers(77, shared)
    assert sorted(path.name for path in shared.iterdir()) == sorted(OTHERS)
    remove_leftovers(77, shared / "absent")


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes whose entries are removed."""
    pids: list[int] = []
    monkeypatch.setattr(plans, "remove_leftovers", pids.append)
    return pids


@pytest.mark.parametrize(("alive", "host"), [(True, "here"), (False, "here"), (False, "elsewhere")])
def test_a_launch_removes_what_dead_launches_of_this_machine_left(
    alive: bool, host: str, tmp_path: Path, removed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other launch is a process that holds the lease of its plan, and is killed or not."""
    output = tmp_path / "out"
    code = (
        "import sys; from pathlib import Path; from synth_scaling.sweep.plan import Plan, announced\n"
        f"with announced(Plan('other', 1.0, 0, ()), Path({str(output)!r})):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        if not alive:
            other.kill()
            other.wait()
        if host == "elsewhere":  # a marker of another machine is silent for longer before it counts as dead
            monkeypatch.setattr(leases.socket, "gethostname", lambda: "elsewhere")
            monkeypatch.setattr(plans, "is_held", lambda marker: False)
        with announced(Plan("mine", 2.0, 0, ()), output):
            pass
    finally:
        other.kill()
        other.communicate()
    assert removed == ([other.pid] if (alive, host) == (False, "here") else [])


def test_a_plan_without_a_readable_marker_names_no_process(tmp_path: Path, removed: list[int]) -> None:
    output = tmp_path / "out"
    (output / "plans").mkdir(parents=True)
    plan = {"launch": "other", "started": 1.0, "done_before": 0, "runs": []}
    (output / "plans" / "other.json").write_text(json.dumps(plan))
    with announced(Plan("mine", 2.0, 0, ()), output):
        pass
    assert removed == [] and not (output / "plans" / "other.json").exists()
