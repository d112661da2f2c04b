"""The store command: lists, damage, and what garbage collection removes and leaves."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.experiment.store import Store
from synth_scaling.experiment.store_layout import MARKER
from synth_scaling.store import main
from synth_scaling.system.leases import lease


def make(store: Path, kind: str, n: int) -> StageResult:
    def writes(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
        (folder / "result.txt").write_text("x" * 500_000)
        return Cost(flops_training=3e6), {}

    return Store(store).stage(kind, {"n": n}, writes)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for n in range(3):
        make(tmp_path / "store", "policy", n)
    make(tmp_path / "store", "responses", 0)
    return tmp_path / "store"


def sweep_that_used(folder: Path, *stages: StageResult) -> Path:
    """A sweep with one run that is done, and one that is under way."""
    for name, stage in zip(("done", "under-way"), stages, strict=True):
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / "stages.jsonl").write_text(json.dumps({"stage": "policy", "hash": stage.hash}) + "\n")
    return folder


def test_ls_and_du_say_what_there_is(store: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["ls", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("/")[0] for line in lines] == ["policy"] * 3 + ["responses"]
    assert all(re.search(r"0\.50 MB +\d\.\d s +3\.00e\+06 FLOPs$", line) for line in lines)
    assert main(["du", str(store)]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["policy", "3", "1.50", "MB"],
        ["responses", "1", "0.50", "MB"],
        ["in", "all", "4", "2.00", "MB"],
    ]


def test_verify_names_what_is_damaged(store: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["verify", str(store)]) == 0
    assert capsys.readouterr().out == f"{store}: 4 stages, 0 damaged\n"
    file = next(store.glob("policy/*/result.txt"))
    file.write_text("y" + "x" * 499_999)  # as long as before
    assert main(["verify", str(store)]) == 1
    assert capsys.readouterr().out == f"{file} is damaged\n{store}: 4 stages, 1 damaged\n"


def test_gc_retains_what_a_sweep_used_and_what_is_being_computed(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    used = [make(store, "policy", n) for n in (0, 1)]
    sweep = sweep_that_used(tmp_path / "sweep", *used)
    half, alive = store / "policy" / "00aa.partial-1", store / "policy" / "00bb.partial-1"
    for folder in (half, alive, store / "damaged" / "policy-00cc-1"):
        folder.mkdir(parents=True)
    with lease(store / "policy" / "00bb.lock", wait=False):
        words = ["gc", str(store), "--keep-sweep", str(sweep)]
        before = sorted(store.rglob("*"))
        assert main([*words, "--dry-run"]) == 0
        assert capsys.readouterr().out.endswith("1.00 MB to be freed\n")
        assert main(words) == 2  # nobody is there to confirm it
        assert sorted(store.rglob("*")) == before
        assert main([*words, "--yes"]) == 0
    assert alive.is_dir() and not half.exists() and not list(store.glob("damaged/*"))
    assert {path.parent for path in store.glob("*/*/stage.json")} == {stage.path for stage in used}
    assert "1.00 MB freed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "gc: name the sweeps to keep: --keep-sweep SWEEP ..."),
        (["--keep-sweep", "nowhere"], "no runs there; allowed is the output folder of a sweep"),
    ],
)
def test_gc_removes_nothing_without_a_sweep_to_keep(
    words: list[str], message: str, store: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["gc", str(store), "--yes", *words]) == 2
    assert message in capsys.readouterr().err
    assert len(list(store.glob("*/*/stage.json"))) == 4


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 1), ("n\n", 2, 4), ("", 2, 4)])
def test_gc_asks_before_it_removes(answer: str, code: int, left: int, store: Path, tmp_path: Path) -> None:
    used = make(store, "policy", 0)
    sweep = sweep_that_used(tmp_path / "sweep", used, used)
    command = [sys.executable, "-m", "synth_scaling.store", "gc", str(store), "--keep-sweep", str(sweep)]
    done = subprocess.run(command, input=answer, capture_output=True, text=True)
    assert done.returncode == code and "Traceback" not in done.stderr
    assert f"Remove these 3 results (1.50 MB) from {store}?" in done.stdout
    assert len(list(store.glob("*/*/stage.json"))) == left


def test_gc_refuses_a_folder_that_is_no_store(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sweep = sweep_that_used(tmp_path / "sweep", make(store, "policy", 0), make(store, "policy", 1))
    home = tmp_path / "home"
    for file in ("Documents/thesis/stage.json", "Documents/beef/text", "damaged/mine/a", "Music/00aa.partial-1/a"):
        (home / file).parent.mkdir(parents=True)
        (home / file).write_text("{}")
    before = sorted(home.rglob("*"))
    assert main(["gc", str(home), "--keep-sweep", str(sweep), "--yes"]) == 2
    assert "no store" in capsys.readouterr().err and sorted(home.rglob("*")) == before
    assert main(["gc", str(sweep), "--keep-sweep", str(sweep), "--yes"]) == 2


def test_gc_in_the_folder_of_a_sweep_removes_no_run_and_nothing_of_the_user(tmp_path: Path) -> None:
    """A store and the output of a sweep in one folder, with files of the user between them."""
    used, unused = (make(tmp_path, "policy", n) for n in (0, 1))
    sweep_that_used(tmp_path, used, used)
    theirs = ["runs/00aa/DONE", "notes/thesis/stage.json", "policy/mine/stage.json", "damaged/mine", "policy/00dd/text"]
    for file in theirs:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("{}")
    assert main(["gc", str(tmp_path), "--keep-sweep", str(tmp_path), "--yes"]) == 0
    assert all((tmp_path / file).exists() for file in theirs)
    assert used.path.is_dir() and not unused.path.exists() and len(list(tmp_path.glob("runs/*"))) == 3


def test_gc_recognises_a_store_without_a_marker_by_its_stages(store: Path, tmp_path: Path) -> None:
    used = make(store, "policy", 0)
    sweep = sweep_that_used(tmp_path / "sweep", used, used)
    (store / MARKER).unlink()
    assert main(["gc", str(store), "--keep-sweep", str(sweep), "--yes"]) == 0
    assert [file.parent for file in store.glob("*/*/stage.json")] == [used.path]


def test_gc_reports_links_and_torn_lines_and_removes_the_rest(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    first, second, third = (make(store, "policy", n) for n in range(3))
    sweep = sweep_that_used(tmp_path / "sweep", first, second)
    torn = sweep / "runs" / "done" / "stages.jsonl"
    torn.write_text(torn.read_text() + json.dumps({"stage": "policy", "hash": third.hash})[:-9])
    elsewhere = tmp_path / "elsewhere"
    next(store.glob("responses/*")).rename(elsewhere)
    (store / "responses" / "00ee").symlink_to(elsewhere)
    (store / "policy" / "00ff").symlink_to(tmp_path / "gone")
    unused = make(store, "responses", 1)
    assert main(["gc", str(store), "--keep-sweep", str(sweep), "--yes"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("is a symbolic link") == 2 and f"{torn}: the last line is incomplete" in printed.err
    assert (elsewhere / "result.txt").exists() and not unused.path.exists()
    assert all(stage.path.is_dir() for stage in (first, second, third))


def test_other_commands_survive_what_is_no_stage(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    next(store.glob("responses/*/stage.json")).write_text('{"stage": "responses"')
    (store / "policy" / "00ff").symlink_to(tmp_path / "gone")
    (store / "policy" / "00ee").write_text("a file")
    assert main(["ls", str(store)]) == 0 and main(["du", str(store)]) == 0
    assert "stage.json is no manifest of a stage" in capsys.readouterr().out
    assert main(["verify", str(store)]) == 1
