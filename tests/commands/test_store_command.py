"""The store command: its listings, the damage that it detects, the stages that garbage collection removes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.experiment.store import Store
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


def test_ls_and_du_list_the_stages(store: Path, capsys: pytest.CaptureFixture) -> None:
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


def test_verify_names_damaged_stages(store: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["verify", str(store)]) == 0
    assert capsys.readouterr().out == f"{store}: 4 stages, 0 damaged\n"
    file = next(store.glob("policy/*/result.txt"))
    file.write_text("y" + "x" * 499_999)  # as long as before
    assert main(["verify", str(store)]) == 1
    assert capsys.readouterr().out == f"{file} is damaged\n{store}: 4 stages, 1 damaged\n"


def test_gc_keeps_the_stages_of_a_sweep_and_those_being_computed(
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
        assert sorted(store.rglob("*")) == before
        assert capsys.readouterr().out.endswith("1.00 MB to be freed\n")
        assert main(words) == 0
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
    assert main(["gc", str(store), *words]) == 2
    assert message in capsys.readouterr().err
    assert len(list(store.glob("*/*/stage.json"))) == 4
