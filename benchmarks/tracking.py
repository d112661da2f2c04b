"""The overhead of tracking: a W&B run recorded offline, with and without W&B's system figures, and `usage.measured`.

python -m benchmarks.tracking [--quick]
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import wandb

from synth_scaling.core.stage import Cost
from synth_scaling.system.usage import measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    runs = 3 if parser.parse_args().quick else 20
    with tempfile.TemporaryDirectory() as folder:
        wandb_run(folder, True, True)  # starts W&B's service
        for stats, listed in ((True, True), (False, True), (True, False), (False, False)):
            run = functools.partial(wandb_run, folder, stats, listed)
            took = statistics.median(seconds(run) for _ in range(runs))
            words = f"system figures {'on' if stats else 'off'}, list of packages {'on' if listed else 'off'}"
            print(f"W&B run of 10 points, {words}: {1000 * took:.0f} ms")
        wandb.teardown()
        make = measured(lambda _: (Cost(), {}), 1)
        took = [seconds(lambda: make(Path(folder))) for _ in range(10 * runs)]
        print(f"usage.measured around nothing: {1000 * statistics.median(took):.1f} ms")


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def wandb_run(folder: str, stats: bool, listed: bool) -> None:
    """Init, ten points and finish, as `synth_scaling.tracking.wandb_run` does."""
    settings = wandb.Settings(
        silent=True,
        console="off",
        x_disable_meta=True,
        x_disable_stats=not stats,
        x_save_requirements=listed,
        reinit="create_new",
    )
    run = wandb.init(project="p", dir=folder, mode="offline", settings=settings)
    for step in range(10):
        run.log({"policy/step": step, "policy/loss": 1.0}, step=step, commit=True)
    run.finish(exit_code=0)


if __name__ == "__main__":
    main()
