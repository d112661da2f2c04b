"""Stage results by content hash: a result is stored under the hash of what determines it, and computed only once.

A stage is computed in a temporary folder beside its final place, flushed to disk and renamed when complete, so a
process may die at any moment without harm. Several processes may share a store: the first that needs a stage computes
it under a lease; the others wait, or get `Busy`. Every result that is read is compared with its manifest (sizes,
SHA-256); a damaged one is moved to `damaged/`, reported and computed again. Results that come with the package
(`SHIPPED`, read only) are used like stored ones. `python -m synth_scaling.store ls|verify|gc|du` maintains a store.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from synth_scaling.core.hashing import content_hash
from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.experiment.store_layout import DAMAGED, entries, is_lease, mark, unfinished_hash
from synth_scaling.system.files import UNREADABLE, append_line, sync, write_text
from synth_scaling.system.leases import Lease, LeaseLost, is_held, lease

log = logging.getLogger("synth_scaling")

SHIPPED = Path(__file__).parents[1] / "shipped"


class Store:
    """A folder of stage results. Those in `shipped` take precedence.

    `on_start` is called with the name of each stage before it is computed. `wait`: whether :meth:`stage` waits for a
    stage that another process is computing. `root/made.jsonl` gets one line per stage that was computed: when, where,
    seconds and FLOPs.
    """

    def __init__(
        self,
        root: Path,
        on_start: Callable[[str], None] = lambda name: None,
        shipped: Path = SHIPPED,
        wait: bool = True,
    ) -> None:
        self.root, self.on_start, self.shipped, self.wait = root, on_start, shipped, wait

    def stage(
        self,
        name: str,
        key: Mapping[str, Any],
        make: Callable[[Path], tuple[Cost, Mapping[str, Any]]],
        wait: bool | None = None,
    ) -> StageResult:
        """The result of the stage `name` that `key` determines; `make` fills an empty folder if it is not stored.

        `make` returns the cost and small facts to store with the result; an exception of it is raised here, and nothing
        is stored. The sub-folder `resume` of its folder outlives a `make` that did not finish, for the next one; it is
        not part of the result. `wait` overrides the store's: without it, Busy is raised if another process is computing
        the stage.
        """
        if (stored := self.stored(name, key)) is not None:
            return stored
        digest = content_hash({"stage": name, **key})
        folder = self.root / name / digest
        self.root.mkdir(parents=True, exist_ok=True)
        mark(self.root)
        while True:
            with lease(folder.with_suffix(".lock"), self.wait if wait is None else wait) as held:
                if (why := damage(folder)) is None and is_complete(folder):  # computed while this process waited
                    return _read(name, digest, folder, made_here=False)
                try:
                    if why is not None:
                        self._move_damaged(folder, why, held)
                    self.on_start(name)
                    return self._computed(name, digest, folder, key, make, held)
                except LeaseLost as error:  # this process was silent for too long: another one computes the stage
                    log.warning("store: %s; its result is used instead", error)

    def stored(self, name: str, key: Mapping[str, Any]) -> StageResult | None:
        """The stage `name` that `key` determines, if it is stored or comes with the package."""
        digest = content_hash({"stage": name, **key})
        for folder in (self.shipped / name / digest, self.root / name / digest):
            if is_complete(folder) and not damage(folder):
                return _read(name, digest, folder, made_here=False)
        return None

    def _computed(
        self, name: str, digest: str, folder: Path, key: Mapping[str, Any], make: Callable, held: Lease
    ) -> StageResult:
        """Compute a stage and publish it. Raises LeaseLost, with nothing published, if `held` is no longer held."""
        partial = self._partial(folder)
        try:
            self._compute(name, partial, key, make)
            held.check()
            partial.rename(folder)  # fails if a result is there, whoever put it there: nothing complete is replaced
        except Exception as error:
            if held.is_lost() or os.path.lexists(folder):  # a successor removes the partial folder, or has completed
                shutil.rmtree(partial, ignore_errors=True)
                raise LeaseLost(f"{folder} belongs to another process now") from error
            raise
        sync(folder.parent)
        result = _read(name, digest, folder, made_here=True)
        self._record(result)
        return result

    def _partial(self, folder: Path) -> Path:
        """An empty folder beside the final one, with the `resume` folder that a dead process left."""
        partial = folder.with_name(f"{folder.name}.partial-{secrets.token_hex(4)}")
        partial.mkdir()
        for earlier in sorted(folder.parent.glob(f"{folder.name}.partial*")):
            if earlier != partial:  # a process that is slow rather than dead can no longer complete its folder
                if (earlier / "resume").is_dir() and not (partial / "resume").exists():
                    (earlier / "resume").rename(partial / "resume")
                shutil.rmtree(earlier, ignore_errors=True)
        return partial

    def _compute(self, name: str, partial: Path, key: Mapping[str, Any], make: Callable) -> None:
        begin = time.perf_counter()
        try:
            cost, facts = make(partial)
        except BaseException:
            if not (partial / "resume").is_dir():  # nothing to resume from
                shutil.rmtree(partial, ignore_errors=True)
            raise
        seconds = time.perf_counter() - begin
        shutil.rmtree(partial / "resume", ignore_errors=True)
        files = [p for p in sorted(partial.rglob("*")) if p.is_file()]
        record = {
            "stage": name,
            "key": key,
            "cost": asdict(cost),
            "seconds": seconds,
            "facts": facts,
            "sizes": {str(p.relative_to(partial)): p.stat().st_size for p in files},
            "sha256": {str(p.relative_to(partial)): _flushed_digest(p) for p in files},
        }
        write_text(partial / "stage.json", json.dumps(record, indent=1))
        for inner in {p.parent for p in files} | {partial}:
            sync(inner)

    def _move_damaged(self, folder: Path, why: str, held: Lease) -> None:
        """Move a damaged result (or whatever is in a stage's place) to `damaged/`. Raises LeaseLost."""
        target = self.root / DAMAGED / f"{folder.parent.name}-{folder.name}-{secrets.token_hex(4)}"
        target.parent.mkdir(exist_ok=True)
        held.check()
        folder.rename(target)
        if is_complete(target) and damage(target) is None:  # completed by another process after the look at it
            with suppress(OSError):  # there is another result by now: the same one
                target.rename(folder)
            raise LeaseLost(f"{folder} was completed by another process")
        log.warning("store: %s: moved to %s, and computed again", why, target)

    def _record(self, result: StageResult) -> None:
        """Append the stage to `made.jsonl`."""
        line = {
            "stage": result.name,
            "hash": result.hash,
            "at": time.time(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "seconds": result.seconds,
            "flops": result.cost.flops_training + result.cost.flops_sampling,
        }
        append_line(self.root / "made.jsonl", json.dumps(line))


def tidy(root: Path) -> None:
    """Remove the leases of dead processes, and their partial folders of stages that are complete by now."""
    if not root.is_dir():
        return
    for path in entries(root):
        if is_lease(path):
            is_held(path)  # removes the lease of a dead owner
        elif (digest := unfinished_hash(path)) is not None and not path.is_symlink():
            folder = path.with_name(digest)
            if is_complete(folder) and not is_held(folder.with_suffix(".lock")):
                shutil.rmtree(path, ignore_errors=True)


def is_complete(folder: Path) -> bool:
    """Whether the stage in `folder` is complete: its manifest is written last."""
    return (folder / "stage.json").exists()


def damage(folder: Path) -> str | None:
    """Why the stage in `folder` cannot be used, in words; None if it can, or if nothing is there.

    Contents are compared once per process, sizes each time. Stages stored by early versions have sizes alone.
    """
    if not os.path.lexists(folder):
        return None
    if not folder.is_dir():
        return f"{folder} is no folder"
    if not is_complete(folder):
        return f"{folder} has no stage.json"
    manifest = read_manifest(folder)
    if manifest is None:
        return f"{folder / 'stage.json'} is no manifest of a stage"
    for file, size in manifest.sizes.items():
        path = folder / file
        if not path.is_file() or path.stat().st_size != size:
            return f"{path} is missing or truncated"
        if file in manifest.sha256 and _digest_of(path, size, path.stat().st_mtime_ns) != manifest.sha256[file]:
            return f"{path} is damaged"
    return None


@dataclass(frozen=True)
class Manifest:
    """stage.json: what determined a stage, its cost, and its files. Fields of later versions are ignored."""

    stage: str
    key: dict[str, Any]
    cost: dict[str, Any]  # a number for each field of Cost; later versions may have others, of any type
    seconds: float
    sizes: dict[str, int]
    facts: dict[str, Any] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a complete stage; None if it cannot be read or is none."""
    try:
        manifest = msgspec.json.decode((folder / "stage.json").read_bytes(), type=Manifest)
    except (OSError, *UNREADABLE):
        return None
    inside = all(not Path(file).is_absolute() and ".." not in Path(file).parts for file in manifest.sizes)
    numbers = all(type(manifest.cost.get(entry.name, 0)) in (int, float) for entry in fields(Cost))
    return manifest if inside and numbers else None


def _read(name: str, digest: str, folder: Path, made_here: bool) -> StageResult:
    manifest = read_manifest(folder)
    assert manifest is not None, f"{folder} was checked before"
    counted = {entry.name: manifest.cost[entry.name] for entry in fields(Cost) if entry.name in manifest.cost}
    return StageResult(name, digest, folder, Cost(**counted), manifest.seconds, made_here, manifest.facts)


@functools.cache
def _digest_of(path: Path, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flushed_digest(path: Path) -> str:
    """SHA-256 of a file, which is flushed to disk."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return digest
