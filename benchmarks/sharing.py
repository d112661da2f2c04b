"""Seconds that sharing stages saves: a finished sweep against some of its runs, each from an empty store.

    python -m benchmarks.sharing [outputs/demo] [--runs 12]

The time of the sweep is that from the first line of a run's log to its last DONE: it must have run without a pause, on
this machine, from a store without stages of other sweeps. Some of its runs, drawn at random, are then run alone, as
many at a time as the sweep had workers: each in a separate process with its engine, store and output. The time of all
runs alone is estimated as the recorded seconds of their stages plus, for each run, the mean time beyond that (mostly
the start), with a standard error over the runs drawn. A base that comes with the package is not pretrained.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from synth_scaling.config.load import restored
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.sweep.plan import Plan
from synth_scaling.sweep.sweeper import planned

WORKERS = 2  # of the demo's launcher


def took(output: Path, plan: Plan) -> float:
    """Seconds of the sweep in `output`."""
    folders = [RunFolder.of(output, run.name) for run in plan.runs]
    if not all(folder.is_done for folder in folders):
        sys.exit(f"{output}: not all runs are done")
    starts = [folder.log.read_text().split(",")[0] for folder in folders]
    return max(folder.done.stat().st_mtime for folder in folders) - datetime.fromisoformat(min(starts)).timestamp()


def alone(config: Mapping[str, Any], folder: Path) -> float:
    """Seconds of one run in a separate process, from an empty store."""
    run = planned(restored({**config, "output": str(folder / "out"), "store": str(folder / "store")}))
    Plan(secrets.token_hex(4), time.time(), 0, (run,)).write(folder / "out")
    begin = time.perf_counter()
    command = [sys.executable, "-m", "synth_scaling.retry", str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{run.title}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - begin


def recorded(output: Path, name: str) -> float:
    """Seconds of all stages of a run but the base, whichever run computed them."""
    row = json.loads(RunFolder.of(output, name).row.read_text())
    return sum(seconds for stage, seconds in row["seconds"].items() if stage != "base")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, nargs="?", default=Path("outputs/demo"))
    parser.add_argument("--runs", type=int, default=12)
    options = parser.parse_args()
    plan = Plan.read(options.sweep)
    count, whole = len(plan.runs), took(options.sweep, plan)
    print(f"{options.sweep}: {count} runs in {whole:.0f} s with {WORKERS} workers", flush=True)
    drawn = random.Random(0).sample(plan.runs, options.runs)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        seconds = list(pool.map(lambda i: alone(drawn[i].config, Path(folder, str(i))), range(len(drawn))))
    beyond = [taken - recorded(options.sweep, run.name) for taken, run in zip(seconds, drawn, strict=True)]
    mean, error = fmean(beyond), stdev(beyond) / sqrt(len(beyond))
    stages = sum(recorded(options.sweep, run.name) for run in plan.runs)
    every = (stages + count * mean) / WORKERS
    ratio, spread = whole / every, whole / every**2 * count * error / WORKERS
    print(f"{len(drawn)} alone, {WORKERS} at a time: {mean:.1f} s each beyond its stages (standard error {error:.1f})")
    print(f"stages of all runs, without sharing: {stages / WORKERS:.0f} s")
    print(f"all alone: {every:.0f} s; shared over alone: {ratio:.2f} +- {spread:.2f} (target 0.4)")


if __name__ == "__main__":
    main()
