"""What sharing saves: a sweep, and some of its runs each from an empty store, in seconds of the wall clock.

    python -m benchmarks.sharing [--config-name demo] [--runs 12]

The sweep is launched as it is, in folders of its own. Then so many of its runs, drawn at random, are made alone, as
many at a time as the sweep has workers: each a process with an engine, a store and an output of its own. What all of
them would take is the mean times their number, with a standard error over the runs drawn. Nobody pretrains where the
base comes with the package, as the demo's does; elsewhere the sweep does so once and every run alone again.
"""

from __future__ import annotations

import argparse
import random
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

from synth_scaling.composed import runs_of
from synth_scaling.config import Config
from synth_scaling.progress import Plan, planned

WORKERS = 2  # of the demo's launcher


def launched(command: list[str]) -> float:
    """Seconds of a command that must succeed."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - begin


def alone(run: Config, folder: Path) -> float:
    """Seconds of one run in a process of its own, from an empty store."""
    output = folder / "out"
    Plan(
        secrets.token_hex(4), time.time(), 0, (planned(replace(run, output=str(output), store=str(folder / "store"))),)
    ).write(output)
    return launched(["synth_scaling.retry", str(output)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config-name", default="demo")
    parser.add_argument("--runs", type=int, default=12)
    options = parser.parse_args()
    runs = runs_of(options.config_name)
    drawn = random.Random(0).sample(runs, options.runs)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(WORKERS) as pool:
        folder = Path(name)
        words = ["--config-name", options.config_name, f"output={folder}/out", f"store={folder}/store"]
        whole = launched(["synth_scaling", *words, f"hydra.launcher.n_jobs={WORKERS}"])
        print(f"{options.config_name}: {len(runs)} runs in {whole:.0f} s with {WORKERS} workers", flush=True)
        seconds = list(pool.map(lambda i: alone(drawn[i], folder / str(i)), range(len(drawn))))
    mean, error = fmean(seconds), stdev(seconds) / sqrt(len(seconds))
    every, ratio = len(runs) * mean / WORKERS, whole * WORKERS / (len(runs) * mean)
    print(f"{len(drawn)} of them alone, {WORKERS} at a time: {mean:.1f} s each (standard error {error:.1f})")
    print(f"all alone: {every:.0f} s; shared over alone: {ratio:.2f} +- {ratio * error / mean:.2f} (target 0.4)")


if __name__ == "__main__":
    main()
