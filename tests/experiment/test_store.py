"""A stage is made once, whatever dies or races."""

import json
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.hashing import ADDED, content_hash, key_of, without_added
from synth_scaling.core.stage import Cost
from synth_scaling.experiment.store import Store, damage
from synth_scaling.system.leases import Busy, is_held

COST = Cost(3, 5, 7.5, 0.1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def writes(text: str) -> Callable[[Path], tuple[Cost, Mapping[str, Any]]]:
    def make(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
        (folder / "deep").mkdir()
        (folder / "deep" / "result.txt").write_text(text)
        return COST, {"text": text}

    return make


def refuses(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
    raise AssertionError("a stored stage was made again")


def fails(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
    (folder / "half.txt").write_text("half")
    raise FloatingPointError("diverged")


# -- keys ------------------------------------------------------------------------------------------------------------


def test_hash_is_the_documented_one() -> None:
    # printf '{"a":[1,2.5],"b":null}' | sha256sum | cut -c-16
    assert content_hash({"b": None, "a": (1, 2.5)}) == "f66b2c50ccae61e3"


@settings(max_examples=60)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.dictionaries(st.text(), JSON, max_size=4))
def test_hash_is_equal_exactly_for_equal_keys(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert content_hash(dict(reversed(a.items()))) == content_hash(a)
    assert (content_hash(a) == content_hash(b)) == (json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True))


@pytest.mark.parametrize(("key", "error"), [({"path": Path("x")}, TypeError), ({"x": float("nan")}, ValueError)])
def test_a_key_that_json_cannot_hold_is_refused(key: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        content_hash(key)


def test_costs_add_up() -> None:
    assert Cost(1, 2, 3.0, 4.0) + COST == Cost(4, 7, 10.5, 4.1)


# -- one process -----------------------------------------------------------------------------------------------------


def test_a_stage_is_computed_once_and_reused_later(tmp_path: Path) -> None:
    created = Store(tmp_path).stage("policy", {"n": 1}, writes("one"))
    actual = Store(tmp_path).stage("policy", {"n": 1}, refuses)
    assert created.made_here and not actual.made_here
    assert actual.path == created.path and (actual.path / "deep" / "result.txt").read_text() == "one"
    assert actual.cost == created.cost == COST
    assert actual.facts == created.facts == {"text": "one"}
    assert (actual.name, actual.hash, actual.seconds) == (created.name, created.hash, created.seconds)


def test_another_key_or_another_stage_is_another_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    results = [
        store.stage(name, key, writes(f"{name} {key}"))
        for name, key in [("policy", {"n": 1}), ("policy", {"n": 2}), ("policy", {"n": 1.5}), ("values", {"n": 1})]
    ]
    assert all(result.made_here for result in results)
    assert len({result.path for result in results}) == len({result.hash for result in results}) == 4


def test_only_a_computed_stage_is_announced(tmp_path: Path) -> None:
    heard: list[str] = []
    store = Store(tmp_path, heard.append)
    for key in ({"n": 1}, {"n": 1}, {"n": 2}):
        store.stage("policy", key, writes("x"))
    assert heard == ["policy", "policy"]


def test_a_maker_that_raises_stores_nothing_and_a_later_call_makes_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(FloatingPointError, match="diverged"):
        store.stage("policy", {"n": 1}, fails)
    assert not list(tmp_path.rglob("stage.json"))
    result = store.stage("policy", {"n": 1}, writes("one"))
    assert result.made_here
    assert sorted(p.name for p in result.path.rglob("*")) == ["deep", "result.txt", "stage.json"]


def test_the_rest_of_a_dead_process_is_cleaned(tmp_path: Path) -> None:
    name = Store(tmp_path / "other").stage("policy", {"n": 1}, writes("one")).hash
    partial, bare = tmp_path / "policy" / f"{name}.partial", tmp_path / "policy" / name
    for folder in (partial, bare):  # died while it made the stage; died while something removed it
        folder.mkdir(parents=True)
        (folder / "half.txt").write_text("half")
    result = Store(tmp_path).stage("policy", {"n": 1}, writes("one"))
    assert result.made_here and not partial.exists()
    assert not (result.path / "half.txt").exists()


def test_a_checkpoint_folder_passes_to_the_next_attempt_and_is_no_part_of_the_result(tmp_path: Path) -> None:
    def dies(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
        (folder / "half.txt").write_text("half")
        (folder / "resume").mkdir()
        (folder / "resume" / "step").write_text("7")
        raise SystemExit(75)

    def goes_on(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
        assert [path.name for path in folder.iterdir()] == ["resume"]
        assert (folder / "resume" / "step").read_text() == "7"
        return writes("one")(folder)

    store = Store(tmp_path)
    with pytest.raises(SystemExit):
        store.stage("policy", {"n": 1}, dies)
    result = store.stage("policy", {"n": 1}, goes_on)
    assert sorted(p.name for p in result.path.iterdir()) == ["deep", "stage.json"]
    assert [path.name for path in result.path.parent.iterdir()] == [result.hash]


def test_every_making_is_noted_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    hashes = [store.stage("policy", {"n": n}, writes("x")).hash for n in (1, 1, 2)]
    noted = [json.loads(line) for line in (tmp_path / "made.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["hash"], line["pid"]) for line in noted] == [
        ("policy", name, os.getpid()) for name in (hashes[0], hashes[2])
    ]


def test_a_maker_always_gets_an_empty_folder(tmp_path: Path) -> None:
    seen: list[list[Path]] = []

    def looks(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
        seen.append(list(folder.iterdir()))
        return writes("one")(folder)

    with pytest.raises(FloatingPointError):
        Store(tmp_path).stage("policy", {"n": 1}, fails)
    Store(tmp_path).stage("policy", {"n": 1}, looks)
    assert seen == [[]]


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "shorter": lambda file: file.write_text("on"),
    "other": lambda file: file.write_text("two"),
    "gone": Path.unlink,
    "manifest": lambda file: (file.parent.parent / "stage.json").write_text("{"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_result_is_moved_reported_and_computed_again(
    damage: Callable[[Path], Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    result = store.stage("policy", {"n": 1}, writes("one"))
    damage(result.path / "deep" / "result.txt")
    again = store.stage("policy", {"n": 1}, writes("one"))
    assert again.made_here and (again.path / "deep" / "result.txt").read_text() == "one"
    (aside,) = (tmp_path / "damaged").iterdir()
    assert (aside / "stage.json").is_file() and aside.name.startswith(f"policy-{result.hash}")
    assert str(result.path) in caplog.text and str(aside) in caplog.text
    assert not store.stage("policy", {"n": 1}, refuses).made_here


# -- two processes ----------------------------------------------------------------------------------------------------


def wants_the_stage(root: Path, barrier: Any) -> None:
    def make(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
        (root / f"made-by-{os.getpid()}").touch()
        return writes("one")(folder)

    barrier.wait()
    result = Store(root).stage("policy", {"n": 1}, make)
    assert (result.path / "deep" / "result.txt").read_text() == "one"


def test_two_processes_that_want_a_stage_make_it_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(2)
    processes = [spawn.Process(target=wants_the_stage, args=(tmp_path, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(tmp_path.glob("made-by-*"))) == 1


def computes_until_killed(root: Path, started: Any) -> None:
    def make(folder: Path) -> tuple[Cost, Mapping[str, Any]]:
        (folder / "half.txt").write_text("half")
        started.set()
        threading.Event().wait()
        raise AssertionError("killed by then")

    Store(root).stage("policy", {"n": 1}, make)


def test_a_stage_that_another_process_makes_is_busy_and_taken_over_once_that_is_dead(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    started = spawn.Event()
    process = spawn.Process(target=computes_until_killed, args=(tmp_path, started))
    process.start()
    started.wait()
    impatient = Store(tmp_path, wait=False)
    with pytest.raises(Busy) as busy:
        impatient.stage("policy", {"n": 1}, refuses)
    assert is_held(busy.value.marker)
    process.kill()
    process.join()
    assert not is_held(busy.value.marker)
    result = impatient.stage("policy", {"n": 1}, writes("one"))
    assert result.made_here and sorted(p.name for p in result.path.parent.iterdir()) == [result.hash]


# -- what comes with the package -------------------------------------------------------------------------------------


def test_a_shipped_stage_is_found_before_the_store_and_never_written(tmp_path: Path) -> None:
    created = Store(tmp_path / "package").stage("base", {"n": 1}, writes("one"))
    store = Store(tmp_path / "store", shipped=tmp_path / "package")
    actual = store.stage("base", {"n": 1}, refuses)
    assert (actual.path, actual.made_here, actual.cost, actual.facts) == (created.path, False, COST, {"text": "one"})
    assert not (tmp_path / "store").exists()
    assert store.stage("base", {"n": 2}, writes("two")).path.is_relative_to(tmp_path / "store")
    assert not (tmp_path / "package" / "base" / created.hash).with_suffix(".partial").exists()
    assert [path.name for path in (tmp_path / "package" / "base").glob("*/stage.json")] == ["stage.json"]


# -- options in hashes -----------------------------------------------------------------------------------------------


@dataclass
class Inner:
    rank: int = 0
    targets: list[str] = field(default_factory=list)


@dataclass
class Options:
    size: int = 3
    packing: bool = field(default=False, metadata=ADDED)
    inner: Inner = field(default_factory=Inner, metadata=ADDED)
    inner_values: Inner = field(default_factory=Inner)


def test_fields_added_later_count_from_when_they_are_used() -> None:
    inner_values = {"rank": 0, "targets": []}
    assert key_of(Options()) == {"size": 3, "inner_values": inner_values}
    assert key_of(Options(packing=True)) == {"size": 3, "inner_values": inner_values, "packing": True}
    assert key_of(Options(inner=Inner(targets=["q"]))) == {
        "size": 3,
        "inner_values": inner_values,
        "inner": {"rank": 0, "targets": ["q"]},
    }
    assert without_added(
        {"size": 1, "packing": False, "inner": {}, "inner_values": inner_values, "else": 2}, Options()
    ) == {
        "size": 1,
        "inner_values": inner_values,
        "else": 2,
    }


# -- owners that are slow, and what is in a stage's place --------------------------------------------------------------


def _written(folder: Path) -> tuple[Cost, dict[str, Any]]:
    (folder / "data").write_text("result")
    return Cost(), {}


def _elsewhere(root: Path, key: Mapping[str, Any], compute: Callable[[Path], Any]) -> None:
    """Compute a stage in another thread, which has leases of its own."""
    thread = threading.Thread(target=lambda: Store(root).stage("policy", key, compute))
    thread.start()
    thread.join()


def test_an_owner_that_was_superseded_publishes_nothing_and_uses_the_other_result(tmp_path: Path) -> None:
    """The owner is silent while it computes: its marker is taken, and the stage completed, by somebody else."""
    computed: list[str] = []

    def other(folder: Path) -> tuple[Cost, dict[str, Any]]:
        computed.append("other")
        return _written(folder)

    def slow(folder: Path) -> tuple[Cost, dict[str, Any]]:
        computed.append("slow")
        (marker,) = tmp_path.glob("policy/*.lock")
        marker.unlink()
        _elsewhere(tmp_path, {"a": 1}, other)
        return _written(folder)  # its folder is gone: FileNotFoundError

    result = Store(tmp_path).stage("policy", {"a": 1}, slow)
    assert computed == ["slow", "other"] and not result.made_here
    assert (result.path / "data").read_text() == "result"
    assert [path.name for path in (tmp_path / "policy").iterdir()] == [result.hash]


def test_a_complete_result_is_never_replaced(tmp_path: Path) -> None:
    """The owner was stopped after the check of its lease, and resumed when another had completed the stage."""
    (tmp_path / "other").mkdir()
    complete = Store(tmp_path / "other").stage("policy", {"a": 1}, _written)

    def stopped(folder: Path) -> tuple[Cost, dict[str, Any]]:
        shutil.copytree(complete.path, tmp_path / "policy" / complete.hash)
        return _written(folder)

    result = Store(tmp_path).stage("policy", {"a": 1}, stopped)
    assert not result.made_here and (result.path / "data").read_text() == "result"
    assert [path.name for path in (tmp_path / "policy").iterdir()] == [complete.hash]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "null",
        '{"stage": "policy"}',
        "",
        '{"sizes": 3}',
        '{"stage": 1, "key": {}, "cost": {}, "seconds": "x"}',
    ],
)
def test_a_file_that_is_no_manifest_is_moved_and_the_stage_computed_again(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    folder = store.stage("policy", {"a": 1}, _written).path
    (folder / "stage.json").write_text(text)
    assert damage(folder) is not None
    assert store.stage("policy", {"a": 1}, _written).made_here
    assert damage(folder) is None and len(list((tmp_path / "damaged").iterdir())) == 1


def test_a_manifest_of_a_later_version_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.stage("policy", {"a": 1}, lambda f: (Cost(tokens_trained=3), _written(f)[1])).path
    manifest = json.loads((folder / "stage.json").read_text())
    manifest["cost"]["joules"] = 4.0
    (folder / "stage.json").write_text(json.dumps(manifest | {"version": 9}))
    assert store.stage("policy", {"a": 1}, _written).cost.tokens_trained == 3


@pytest.mark.parametrize("kind", ["file", "link", "empty folder", "folder without a manifest"])
def test_foreign_files_in_a_stages_place_are_moved_before_the_stage_is_computed(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path / "store")
    folder = store.stage("policy", {"a": 1}, _written).path
    shutil.rmtree(folder)
    match kind:
        case "file":
            folder.write_text("mine")
        case "link":
            folder.symlink_to(tmp_path / "gone")
        case "empty folder":
            folder.mkdir()
        case _:
            folder.mkdir()
            (folder / "data").write_text("mine")

    def compute(partial: Path) -> tuple[Cost, dict[str, Any]]:
        assert not os.path.lexists(folder)
        return _written(partial)

    assert store.stage("policy", {"a": 1}, compute).made_here
    assert len(list((tmp_path / "store" / "damaged").iterdir())) == 1
