"""Stage results by content hash: what determines a result names it, and a stored result is never made twice.

A stage folder is made under a temporary name beside its final place and renamed when complete, so a process
may die at any moment without harm. Several processes may share a store: the first to want a stage makes it,
the others wait for its lock. Results that come with the package (`SHIPPED`, read only) are found like stored ones.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, astuple, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

SHIPPED = Path(__file__).parent / "shipped"


@dataclass(frozen=True)
class Cost:
    """What making a stage took. FLOPs follow :mod:`synth_scaling.costs`."""

    tokens_trained: int = 0
    tokens_sampled: int = 0
    flops_training: float = 0.0
    flops_sampling: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class StageResult:
    """A finished stage: its folder, the hash of what determines it, what it cost when it was made."""

    name: str
    hash: str
    path: Path
    cost: Cost
    seconds: float
    made_here: bool  # by this call, not found in the store
    facts: Mapping[str, Any] = field(default_factory=dict)  # small results the maker wants kept


def content_hash(key: Mapping[str, Any]) -> str:
    """16 hex digits of the SHA-256 of `key` as canonical JSON. Raises TypeError for what JSON cannot hold."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Metadata of a field of options that came after results had been stored under hashes without it. At its default it is
# left out of every hash, so what was stored before is still found.
ADDED = {"added": True}
# Metadata of a field that says how a result is made and not what it is: in no stage's hash.
UNKEYED = {"added": True, "unkeyed": True}


def key_of(options: Any) -> dict[str, Any]:
    """An options dataclass as plain data for a hash: all fields, but for the ADDED ones at their default."""
    return without_added(asdict(options), options)


def without_added(plain: Mapping[str, Any], options: Any) -> dict[str, Any]:
    """`plain`, the plain data of the dataclass `options`, without ADDED fields at their default, at any depth."""
    kept = dict(plain)
    for entry in fields(options):
        value = getattr(options, entry.name)
        default = entry.default if entry.default_factory is MISSING else entry.default_factory()
        if entry.metadata.get("unkeyed") or (entry.metadata.get("added") and value == default):
            del kept[entry.name]
        elif is_dataclass(value):
            kept[entry.name] = without_added(kept[entry.name], value)
    return kept


class Store:
    """A folder of stage results. `on_start` hears of every stage that is made; `shipped` is looked through first."""

    def __init__(
        self, root: Path, on_start: Callable[[str], None] = lambda name: None, shipped: Path = SHIPPED
    ) -> None:
        self.root = root
        self.on_start = on_start
        self.shipped = shipped

    def stage(
        self, name: str, key: Mapping[str, Any], make: Callable[[Path], tuple[Cost, Mapping[str, Any]]]
    ) -> StageResult:
        """The result of the stage `name` that `key` determines; `make` fills an empty folder if it is not stored.

        `make` returns what it cost and small facts to keep. Whatever it raises is raised here, and no result is stored.
        """
        digest = content_hash({"stage": name, **key})
        if (self.shipped / name / digest / "stage.json").exists():
            return self._read(name, digest, self.shipped / name / digest, made_here=False)
        folder = self.root / name / digest
        if not (folder / "stage.json").exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):
                if not (folder / "stage.json").exists():
                    return self._make(name, digest, folder, key, make)
        return self._read(name, digest, folder, made_here=False)

    def _make(self, name: str, digest: str, folder: Path, key: Mapping[str, Any], make: Callable) -> StageResult:
        self.on_start(name)
        partial = folder.with_name(f"{digest}.partial")
        shutil.rmtree(partial, ignore_errors=True)  # left by a process that died; we hold the lock
        partial.mkdir()
        begin = time.perf_counter()
        cost, facts = make(partial)
        record = {
            "stage": name,
            "key": key,
            "cost": asdict(cost),
            "seconds": time.perf_counter() - begin,
            "facts": facts,
            "sizes": {str(p.relative_to(partial)): p.stat().st_size for p in sorted(partial.rglob("*")) if p.is_file()},
        }
        with open(partial / "stage.json", "w") as file:
            json.dump(record, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if folder.exists():  # without its stage.json: not a result
            shutil.rmtree(folder)
        partial.rename(folder)
        return self._read(name, digest, folder, made_here=True)

    def _read(self, name: str, digest: str, folder: Path, made_here: bool) -> StageResult:
        record = json.loads((folder / "stage.json").read_text())
        for file, size in record["sizes"].items():
            if not (folder / file).is_file() or (folder / file).stat().st_size != size:
                raise RuntimeError(f"store: {folder / file} is missing or damaged; remove {folder} to remake it")
        return StageResult(name, digest, folder, Cost(**record["cost"]), record["seconds"], made_here, record["facts"])
