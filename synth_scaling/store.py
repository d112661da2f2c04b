"""Inspect and clean a store of stage results.

    synth-scaling store ls     [STORE]                                  the stages, their size and cost
    synth-scaling store du     [STORE]                                  the size of each kind of stage
    synth-scaling store verify [STORE]                                  compare every file with its manifest
    synth-scaling store gc     [STORE] --keep-sweep SWEEP ... [--dry-run]

STORE is outputs/store by default. `gc` removes stages that no run of the SWEEPs (output folders, or names under
outputs/) has used, unfinished stages of dead processes, and damaged stages; never a stage that is being computed.
Exit code 1 if `verify` finds damage, 2 for a refused input.

Example: synth-scaling store gc --keep-sweep demo --dry-run
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.experiment.store import damage, is_complete
from synth_scaling.sweep.plan import sweep_folder
from synth_scaling.system.leases import is_held


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="synth-scaling store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["ls", "du", "verify", "gc"])
    parser.add_argument("store", type=Path, nargs="?", default=Path("outputs/store"))
    parser.add_argument("--keep-sweep", type=sweep_folder, nargs="+", action="extend", default=[], metavar="SWEEP")
    parser.add_argument("--dry-run", action="store_true", help="say what gc would remove")
    options = parser.parse_args(arguments)
    if not options.store.is_dir():
        print(f"{options.store}: no such folder", file=sys.stderr)
        return 2
    if options.command == "gc":
        return collect_garbage(options.store, options.keep_sweep, options.dry_run)
    return {"ls": ls, "du": du, "verify": verify}[options.command](options.store)


def stages(store: Path) -> Iterator[Path]:
    """Folders of complete stages, by kind and hash."""
    for file in sorted(store.glob("*/*/stage.json")):
        if file.parent.parent.name != "damaged" and is_stage(file.parent):
            yield file.parent


def is_stage(folder: Path) -> bool:
    return ".partial" not in folder.name


def size(folder: Path) -> int:
    """Bytes of the files in `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def ls(store: Path) -> int:
    for folder in stages(store):
        record = json.loads((folder / "stage.json").read_text())
        flops = record["cost"]["flops_training"] + record["cost"]["flops_sampling"]
        name = f"{folder.parent.name}/{folder.name}"
        print(f"{name:32} {size(folder) / 1e6:9.2f} MB {record['seconds']:9.1f} s {flops:9.2e} FLOPs")
    return 0


def du(store: Path) -> int:
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for folder in (path for path in store.glob("*/*") if path.is_dir()):
        kind = folder.parent.name if is_stage(folder) else "unfinished"
        sizes[kind] += size(folder)
        counts[kind] += 1
    for kind, total in sizes.most_common():
        print(f"{kind:12} {counts[kind]:6} {total / 1e6:10.2f} MB")
    print(f"{'in all':12} {counts.total():6} {sizes.total() / 1e6:10.2f} MB")
    return 0


def verify(store: Path) -> int:
    complete = list(stages(store))
    damaged = [why for folder in tqdm(complete, unit=" stages", disable=None) if (why := damage(folder))]
    for why in damaged:
        print(why)
    print(f"{store}: {len(complete)} stages, {len(damaged)} damaged")
    return int(bool(damaged))


def collect_garbage(store: Path, sweeps: Sequence[Path], dry_run: bool) -> int:
    """Remove the stages that no run of `sweeps` has used. Refused without a sweep, or with one that has no runs."""
    retained: set[str] = set()
    for sweep in sweeps:
        if not RunFolder.all_of(sweep):
            print(f"--keep-sweep {sweep}: no runs there; allowed is the output folder of a sweep", file=sys.stderr)
            return 2
        retained |= used(sweep)
    if not sweeps:
        print("gc: name the sweeps to keep: --keep-sweep SWEEP ...", file=sys.stderr)
        return 2
    freed = 0
    for folder in sorted(path for path in store.glob("*/*") if path.is_dir()):
        name = folder.name.partition(".partial")[0]
        if (is_stage(folder) and is_complete(folder) and name in retained) or is_held(folder.with_name(f"{name}.lock")):
            continue
        print(f"{'would remove' if dry_run else 'removed'} {folder.parent.name}/{folder.name}")
        freed += size(folder)
        if not dry_run:
            shutil.rmtree(folder)
    print(f"{store}: {freed / 1e6:.2f} MB {'to be freed' if dry_run else 'freed'}")
    return 0


def used(sweep: Path) -> set[str]:
    """Hashes of the stages that the runs of a sweep have requested, unfinished ones included."""
    hashes: set[str] = set()
    for run in RunFolder.all_of(sweep):
        if run.stages.exists():
            text = run.stages.read_text()
            hashes |= {line["hash"] for line in map(json.loads, text.splitlines()) if "hash" in line}
        if run.row.exists():  # runs of earlier versions have no stages.jsonl
            hashes |= set(json.loads(run.row.read_text())["hashes"].values())
    return hashes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
