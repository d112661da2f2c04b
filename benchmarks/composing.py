"""Seconds to compose and check a sweep, and to launch one again that is finished.

    python -m benchmarks.composing [--config-name maze_full] [--jobs 280]

Side by side: Hydra's own composition, a job at a time, and synth_scaling.sweep.grid, which asks Hydra once a choice of
groups; both end with checked configurations and the names of the runs. Then 1,000 runs, and the whole command on a
sweep whose runs are all done: seconds of this process and of the command's, and the wall clock.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from synth_scaling.config.load import typed
from synth_scaling.config.naming import run_hash
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.methods import METHODS
from synth_scaling.sweep.compose import loader_of
from synth_scaling.sweep.grid import expand, grids_of

T = TypeVar("T")
LARGE = {"method": ",".join(METHODS), "seed": "range(125)", "data.problems": "400"}
TARGETS = {"1,000 runs": 30, "a finished sweep again": 15}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config-name", default="maze_full", help="a sweep (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=None, help="composed by Hydra alone (default: all)")
    options = parser.parse_args()
    loader = loader_of()
    sweep = loader.load_configuration(options.config_name, overrides=[], run_mode=RunMode.MULTIRUN)
    sweeper = OmegaConf.to_container(sweep.hydra.sweeper, resolve=True)
    assert isinstance(sweeper, dict)
    grids = grids_of(sweeper.get("params"), sweeper.get("also"))
    runs, here = _timed(lambda: [(job, run_hash(config)) for job, config in expand(grids, [], loader, sweep)])
    some = runs[: options.jobs]
    alone, theirs = _timed(lambda: [(job, run_hash(typed(_by_hydra(loader, sweep, job)))) for job, _ in some])
    assert alone == some, "the same runs"
    print(f"{options.config_name}: {len(runs)} runs composed and checked, CPU seconds")
    each = f"{1000 * theirs / len(some):.0f} ms a run, {len(some)} runs"
    print(f"  {'by Hydra, a job at a time':<30}{theirs:>8.1f}  ({each})")
    print(f"  {'synth_scaling.sweep.grid':<30}{here:>8.1f}  ({1000 * here / len(runs):.0f} ms a run)")
    many, seconds = _timed(lambda: expand([LARGE], [], loader, sweep))
    print(f"1,000 runs: {len(many)} composed and checked in {seconds:.1f} s (target {TARGETS['1,000 runs']})")
    _again(options.config_name, {name for _, name in runs})


def _by_hydra(loader: ConfigLoaderImpl, sweep: DictConfig, job: list[str]) -> DictConfig:
    composed = loader.load_sweep_config(sweep, job)
    with open_dict(composed):
        composed.pop("hydra")
    return composed


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def _again(name: str, runs: set[str]) -> None:
    """The command on a sweep of which every run is done, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for run in runs:
            place = RunFolder.of(Path(folder) / "out", run)
            place.path.mkdir(parents=True)
            place.done.touch()
        words = ["--config-name", name, f"output={folder}/out", f"store={folder}/store"]
        before, start = _children(), time.perf_counter()
        subprocess.run([sys.executable, "-m", "synth_scaling", *words], check=True)
        wall, cpu = time.perf_counter() - start, _children() - before
    print(f"a finished sweep again: {cpu:.1f} s of CPU, {wall:.1f} s (target {TARGETS['a finished sweep again']})")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
