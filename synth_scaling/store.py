"""Inspect and clean a store of stage results.

    synth-scaling store ls     [STORE]                                  the stages, their size and cost
    synth-scaling store du     [STORE]                                  the size of each kind of stage
    synth-scaling store verify [STORE]                                  compare every file with its manifest
    synth-scaling store gc     [STORE] --keep-sweep SWEEP ... [--dry-run | --yes]

STORE is outputs/store by default. `gc` lists the stages that no run of the SWEEPs (output folders, or names under
outputs/) has used, unfinished stages of dead processes, and damaged stages, and removes them after a confirmation. It
never removes a stage that is being computed, a symbolic link, or anything that is not a store's, and refuses a folder
that is no store. Exit code 1 if `verify` finds damage or something could not be removed, 2 for a refused input.

Example: synth-scaling store gc --keep-sweep demo --dry-run
"""

from __future__ import annotations

import argparse
import re
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.core.terminal import say
from synth_scaling.experiment import store_layout as layout
from synth_scaling.experiment.store import damage, is_complete, read_manifest
from synth_scaling.sweep.plan import sweep_folder
from synth_scaling.system.files import read_advisory, read_advisory_lines
from synth_scaling.system.leases import Busy, is_held, lease


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="synth-scaling store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["ls", "du", "verify", "gc"])
    parser.add_argument("store", type=Path, nargs="?", default=Path("outputs/store"))
    parser.add_argument("--keep-sweep", type=sweep_folder, nargs="+", action="extend", default=[], metavar="SWEEP")
    parser.add_argument("--dry-run", action="store_true", help="list what gc would remove, and stop")
    parser.add_argument("--yes", action="store_true", help="gc removes what it lists without asking")
    options = parser.parse_args(arguments)
    if not options.store.is_dir():
        say(f"{options.store}: no such folder", file=sys.stderr)
        return 2
    if options.command == "gc":
        return collect_garbage(options.store, options.keep_sweep, options.dry_run, options.yes)
    return {"ls": ls, "du": du, "verify": verify}[options.command](options.store)


def stages(store: Path) -> Iterator[Path]:
    """Folders of complete stages, by kind and hash."""
    return (path for path in layout.entries(store) if layout.is_stage_name(path) and is_complete(path))


def size(path: Path) -> int:
    """Bytes of the files in a folder, or of a file. Links are not followed."""
    if path.is_symlink():
        return 0
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def ls(store: Path) -> int:
    for folder in stages(store):
        name, manifest = f"{folder.parent.name}/{folder.name}", read_manifest(folder)
        if manifest is None:
            say(f"{name:32} {size(folder) / 1e6:9.2f} MB stage.json is no manifest of a stage")
            continue
        flops = manifest.cost.get("flops_training", 0) + manifest.cost.get("flops_sampling", 0)
        say(f"{name:32} {size(folder) / 1e6:9.2f} MB {manifest.seconds:9.1f} s {flops:9.2e} FLOPs")
    return 0


def du(store: Path) -> int:
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    moved = [(layout.DAMAGED, path) for path in layout.damaged(store)]
    unfinished = [("unfinished", path) for path in layout.entries(store) if layout.unfinished_hash(path)]
    complete = [(path.parent.name, path) for path in stages(store)]
    for kind, path in (*complete, *unfinished, *moved):
        sizes[kind] += size(path)
        counts[kind] += 1
    width = max(map(len, ("in all", *sizes)))
    for kind, total in sizes.most_common():
        say(f"{kind:{width}} {counts[kind]:6} {total / 1e6:10.2f} MB")
    say(f"{'in all':{width}} {counts.total():6} {sizes.total() / 1e6:10.2f} MB")
    return 0


def verify(store: Path) -> int:
    complete = list(stages(store))
    damaged = [why for folder in tqdm(complete, unit=" stages", disable=None) if (why := damage(folder))]
    for why in damaged:
        say(why)
    say(f"{store}: {len(complete)} stages, {len(damaged)} damaged")
    return int(bool(damaged))


@dataclass(frozen=True)
class Garbage:
    """Something that `gc` removes: a stage or an unfinished one, with its lease, or a damaged result."""

    path: Path
    bytes: int
    lease: Path | None

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"


def collect_garbage(store: Path, sweeps: Sequence[Path], dry_run: bool, yes: bool) -> int:
    """List and remove the stages that no run of `sweeps` has used. Returns the exit code.

    Refused without a sweep, with one that has no runs, and for a folder that is no store.
    """
    if not is_store(store):
        say(f"{store}: no store (no {layout.MARKER} file, no complete stage); nothing is removed", file=sys.stderr)
        return 2
    if not sweeps:
        say("gc: name the sweeps to keep: --keep-sweep SWEEP ...", file=sys.stderr)
        return 2
    retained: set[str] = set()
    for sweep in sweeps:
        if not RunFolder.all_of(sweep):
            say(f"--keep-sweep {sweep}: no runs there; allowed is the output folder of a sweep", file=sys.stderr)
            return 2
        try:
            retained |= used(sweep)
        except OSError as error:
            say(f"--keep-sweep {sweep}: {error}; nothing is removed", file=sys.stderr)
            return 2
    garbage = list(unused(store, retained))
    for item in garbage:
        say(f"{'would remove' if dry_run else 'to remove'} {item.name} ({item.bytes / 1e6:.2f} MB)")
    total = f"{sum(item.bytes for item in garbage) / 1e6:.2f} MB"
    if dry_run or not garbage:
        say(f"{store}: {total} to be freed")
        return 0
    if not (yes or confirmed(f"Remove these {len(garbage)} results ({total}) from {store}? [y/N] ")):
        say("gc: nothing is removed; answer y, or give --yes", file=sys.stderr)
        return 2
    freed = [removed(item) for item in garbage]
    say(f"{store}: {sum(size or 0 for size in freed) / 1e6:.2f} MB freed")
    return int(None in freed)


def is_store(folder: Path) -> bool:
    """Whether a store has been marked as one, or (of an early version) holds a complete stage."""
    if layout.is_marked(folder):
        return True
    manifests = ((path, read_manifest(path)) for path in stages(folder))
    return any(manifest is not None and manifest.stage == path.parent.name for path, manifest in manifests)


def unused(store: Path, retained: set[str]) -> Iterator[Garbage]:
    """Stages that are not `retained`, unfinished stages and damaged ones; prints a line on what else is in their place.

    `retained` are hashes, or the beginnings of hashes whose lines are incomplete.
    """
    beginnings = tuple(retained)
    for path in layout.entries(store):
        unfinished = layout.unfinished_hash(path)
        if path.is_symlink():
            say(f"left alone: {path} is a symbolic link")
        elif path.is_dir() and unfinished is not None:
            if not is_held(path.with_name(f"{unfinished}.lock")):
                yield Garbage(path, size(path), path.with_name(f"{unfinished}.lock"))
        elif layout.is_stage_name(path):
            if path.name.startswith(beginnings) or is_held(path.with_suffix(".lock")):
                continue
            if not path.is_dir() or read_manifest(path) is None:
                say(f"left alone: {path} has no manifest of a stage")
                continue
            yield Garbage(path, size(path), path.with_suffix(".lock"))
    for path in layout.damaged(store):
        yield Garbage(path, size(path), None)


def confirmed(question: str) -> bool:
    """Whether the user answers yes; no where nobody can be asked."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, OSError):
        return False


def removed(item: Garbage) -> int | None:
    """Remove one result and return its size: 0 if it is being computed by now, None if it cannot be removed."""
    try:
        if item.lease is None:
            remove(item.path)
        else:
            with lease(item.lease, wait=False):
                remove(item.path)
    except Busy as busy:
        say(f"left alone: {busy}")
        return 0
    except OSError as error:
        say(f"left alone: {item.path} ({error.strerror or error})")
        return None
    say(f"removed {item.name}")
    return item.bytes


def remove(path: Path) -> None:
    """Remove a file, a link or a folder. A stage is renamed first: one that is half removed must not look complete."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    if layout.is_stage_name(path):
        path = path.rename(path.with_name(f"{path.name}.partial-{secrets.token_hex(4)}"))
    shutil.rmtree(path)


def used(sweep: Path) -> set[str]:
    """Hashes of the stages that the runs of a sweep have requested, unfinished ones included.

    Incomplete lines of stages.jsonl, which a dead process leaves, are reported; what can be read of a hash in one of
    them counts. Raises OSError if a file cannot be read.
    """
    hashes: set[str] = set()
    for run in RunFolder.all_of(sweep):
        if run.stages.exists():
            data = run.stages.read_bytes()
            read_advisory_lines(run.stages, dict)  # reports unreadable lines
            if data and not data.endswith(b"\n"):
                say(f"{run.stages}: the last line is incomplete", file=sys.stderr)
            hashes |= set(re.findall(r'"hash": *"([0-9a-f]+)', data.decode(errors="replace")))
        row = read_advisory(run.row, dict)  # runs of earlier versions have no stages.jsonl
        if row is not None and isinstance(row.get("hashes"), dict):
            hashes |= {str(value) for value in row["hashes"].values()}
    return hashes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
