"""The overhead of a sweep: a stage of the store, a finished sweep launched again, status and rows of 10,000 runs.

    python -m benchmarks.sweeps [--runs 10000]

Nothing is trained or sampled: stages hold 0.5 MB, a checkpoint of the demo's model; recorded runs are a row and answers
of results/maze_full under new names. Seconds of this machine; the targets are those of the project.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from analysis.data.results import load
from synth_scaling.config.naming import resolved, run_hash
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.core.stage import Cost
from synth_scaling.experiment.store import Store
from synth_scaling.sweep.compose import runs_of
from synth_scaling.sweep.plan import Plan, Planned
from synth_scaling.sweep.status import survey

RESULTS = Path("results/maze_full")
SWEEP = "maze_full"


def seconds(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def stages(folder: Path) -> None:
    """Print the median milliseconds of a stage beyond writing its file, computed and found in the store."""

    def make(into: Path) -> tuple[Cost, Mapping[str, Any]]:
        (into / "model.safetensors").write_bytes(bytes(500_000))
        return Cost(), {}

    alone = folder / "alone"
    alone.mkdir()
    bare = median(seconds(lambda: (alone / "model.safetensors").write_bytes(bytes(500_000))) for _ in range(50))
    store = Store(folder / "store")
    computed = median(seconds(lambda n=n: store.stage("policy", {"n": n}, make)) for n in range(50))
    again = median(seconds(lambda n=n: store.stage("policy", {"n": n}, make)) for n in range(50))
    print(f"a stage: {1e3 * (computed - bare):.1f} ms to compute, {1e3 * again:.1f} ms to find (target below 20)")


def finished_sweep(folder: Path) -> None:
    """Seconds of the command for a sweep of which every run is done."""
    output = folder / "finished"
    runs = runs_of(SWEEP)
    for name in {run_hash(run) for run in runs}:
        place = RunFolder.of(output, name)
        place.path.mkdir(parents=True)
        place.row.write_text("{}")
        place.done.touch()
    command = [
        sys.executable,
        "-m",
        "synth_scaling",
        "--config-name",
        SWEEP,
        f"output={output}",
        f"store={folder}/empty",
    ]
    before = os.times()
    taken = seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    used = os.times().children_user - before.children_user
    print(f"{SWEEP} launched again: {len(runs)} runs in {taken:.1f} s ({used:.1f} s of CPU; target below 15)")


def recorded_runs(folder: Path, count: int) -> None:
    """Seconds of `status` and of reading all rows, with `count` runs recorded as runs record themselves."""
    row = json.loads((RESULTS / "rows.jsonl").read_text().splitlines()[0])
    answers = pq.read_table(RESULTS / "correct.parquet", filters=[("run", "==", row["run"])]).select(
        ["problem", "correct"]
    )
    output = folder / "recorded"
    config = resolved(runs_of("config")[0])
    planned = []
    pq.write_table(answers, folder / "correct.parquet", use_dictionary=False, compression="none")  # as runs do
    for i in range(count):
        name = f"{i:016x}"
        place = RunFolder.of(output, name)
        place.path.mkdir(parents=True)
        place.row.write_text(json.dumps(row | {"run": name, "seed": i}, indent=1))
        shutil.copyfile(folder / "correct.parquet", place.correct)
        place.stages.write_text('{"stage": "policy", "at": 1.0, "hash": "00", "seconds": 1.0, "flops": 1.0}\n')
        place.done.touch()
        planned.append(Planned(name, f"sft N=100 seed={i}", config))
    Plan("launch", time.time(), 0, tuple(planned)).write(output)
    status, rows = seconds(lambda: survey(output)), seconds(lambda: load(output))
    of = f"{count:,} recorded runs of {answers.num_rows:,} answers"
    print(f"{of}: status {status:.1f} s, rows {rows:.1f} s (target below 5)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stages(Path(folder))
        finished_sweep(Path(folder))
        recorded_runs(Path(folder), options.runs)


if __name__ == "__main__":
    main()
