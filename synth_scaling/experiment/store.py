"""Stage results by content hash: what determines a result names it, and a stored result is never made twice.

A stage folder is made under a temporary name beside its final place, put on disk and renamed when complete, so a
process may die at any moment without harm. Several processes may share a store: the first to want a stage makes it
under a lease, the others wait for it or are told that it is `Busy`. What is read is compared with its manifest (sizes,
SHA-256); a damaged result is moved aside, reported and made again. Results that come with the package (`SHIPPED`, read
only) are found like stored ones. `python -m synth_scaling.store ls|verify|gc|du` looks after a store.
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
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synth_scaling.core.hashing import content_hash
from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.system.files import append_line, sync, write_text
from synth_scaling.system.leases import is_held, lease

log = logging.getLogger("synth_scaling")

SHIPPED = Path(__file__).parents[1] / "shipped"


class Store:
    """A folder of stage results; `shipped` is looked through first.

    `on_start` hears of every stage that is made. Without `wait`, a stage that another process is making is `Busy`.
    `root/made.jsonl` has a line for every stage that was completed: when, where, and what it took.
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
    ) -> StageResult:
        """The result of the stage `name` that `key` determines; `make` fills an empty folder if it is not stored.

        `make` returns what it cost and small facts to keep; whatever it raises is raised here, and no result is stored.
        The sub-folder `resume` of what it is given outlives a `make` that did not finish; it is no part of the result.
        Raises Busy if another process is making it and `wait` is off.
        """
        digest = content_hash({"stage": name, **key})
        shipped = self.shipped / name / digest
        if is_complete(shipped) and not damage(shipped):
            return _read(name, digest, shipped, made_here=False)
        folder = self.root / name / digest
        if is_complete(folder) and not damage(folder):
            return _read(name, digest, folder, made_here=False)
        with lease(folder.with_suffix(".lock"), self.wait) as held:
            if is_complete(folder):  # made while we waited, or damaged
                if not (why := damage(folder)):
                    return _read(name, digest, folder, made_here=False)
                log.warning("store: %s: moved to %s, and made again", why, self._set_aside(folder))
            self.on_start(name)
            partial = self._partial(folder)
            self._make(name, partial, key, make)
            if held.compromise is not None:
                raise RuntimeError(f"store: the lease on {folder} was lost ({held.compromise.reason}); start again")
            if folder.exists():  # without its stage.json: not a result
                shutil.rmtree(folder)
            partial.rename(folder)
            sync(folder.parent)
            result = _read(name, digest, folder, made_here=True)
            self._note(result)
        return result

    def _partial(self, folder: Path) -> Path:
        """An empty folder beside the final one, with what a dead maker left to go on from."""
        partial = folder.with_name(f"{folder.name}.partial-{secrets.token_hex(4)}")
        partial.mkdir()
        for left in sorted(folder.parent.glob(f"{folder.name}.partial*")):
            if left != partial:  # under a name of ours, so that a maker that was slow and not dead cannot finish it
                if (left / "resume").is_dir() and not (partial / "resume").exists():
                    (left / "resume").rename(partial / "resume")
                shutil.rmtree(left, ignore_errors=True)
        return partial

    def _make(self, name: str, partial: Path, key: Mapping[str, Any], make: Callable) -> None:
        begin = time.perf_counter()
        try:
            cost, facts = make(partial)
        except BaseException:
            if not (partial / "resume").is_dir():  # nothing to go on from
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
            "sha256": {str(p.relative_to(partial)): _digest_on_disk(p) for p in files},
        }
        write_text(partial / "stage.json", json.dumps(record, indent=1))
        for inner in {p.parent for p in files} | {partial}:
            sync(inner)

    def _set_aside(self, folder: Path) -> Path:
        aside = self.root / "damaged" / f"{folder.parent.name}-{folder.name}-{secrets.token_hex(4)}"
        aside.parent.mkdir(exist_ok=True)
        folder.rename(aside)
        return aside

    def _note(self, result: StageResult) -> None:
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
    """Remove what dead processes left of stages that are complete: half-made folders beside them, and markers."""
    for marker in root.glob("*/*.lock"):
        is_held(marker)  # a dead owner's is removed
    for partial in root.glob("*/*.partial-*"):
        folder = partial.with_name(partial.name.partition(".")[0])
        if is_complete(folder) and not is_held(folder.with_suffix(".lock")):
            shutil.rmtree(partial, ignore_errors=True)


def is_complete(folder: Path) -> bool:
    return (folder / "stage.json").exists()


def damage(folder: Path) -> str | None:
    """What of the complete stage in `folder` is not as its manifest says, in words; None: nothing.

    Contents are read once a process, sizes each time. A stage stored before there were digests has sizes alone.
    """
    try:
        record = json.loads((folder / "stage.json").read_text())
        sizes, digests = record["sizes"], record.get("sha256", {})
    except (OSError, ValueError, KeyError, TypeError):
        return f"{folder / 'stage.json'} cannot be read"
    for file, size in sizes.items():
        path = folder / file
        if not path.is_file() or path.stat().st_size != size:
            return f"{path} is missing or truncated"
        if file in digests and _digest_of(path, size, path.stat().st_mtime_ns) != digests[file]:
            return f"{path} is damaged"
    return None


def _read(name: str, digest: str, folder: Path, made_here: bool) -> StageResult:
    record = json.loads((folder / "stage.json").read_text())
    return StageResult(name, digest, folder, Cost(**record["cost"]), record["seconds"], made_here, record["facts"])


@functools.cache
def _digest_of(path: Path, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_on_disk(path: Path) -> str:
    """SHA-256 of a file that is written through to the disk."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return digest
