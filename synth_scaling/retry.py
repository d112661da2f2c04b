"""Run the failed and missing runs of a sweep again, as its last launch planned them.

    synth-scaling retry SWEEP [--only failed] [--workers N]

SWEEP is the output folder of a sweep, or its name under outputs/. The runs and their configurations are those of the
plan there; no sweep file is read. Exit code 0; 1 if a run failed again; 2 if there is no plan; 75 after a termination
signal.

Example: synth-scaling retry demo --only failed
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from synth_scaling.core.terminal import say
from synth_scaling.sweep.plan import announced, sweep_folder
from synth_scaling.sweep.status import survey
from synth_scaling.system import signals


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="synth-scaling retry", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep", type=sweep_folder, help="output folder of a sweep, or its name under outputs/")
    parser.add_argument("--only", choices=["failed"], help="leave out runs that were not started")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the runs (default %(default)s)")
    options = parser.parse_args(arguments)
    signals.install(at_once=True)
    if options.workers < 1:
        say(f"--workers {options.workers}: allowed are values of at least 1", file=sys.stderr)
        return 2
    try:
        plan, runs = survey(options.sweep)
    except ValueError as error:
        say(error, file=sys.stderr)
        return 2
    from joblib import Parallel, delayed

    from synth_scaling.sweep.sweeper import SweepFailed, report  # Hydra: not needed for --help

    wanted = {run.name for run in runs if run.state == "failed" or (run.state == "waiting" and not options.only)}
    say(f"{options.sweep}: {len(runs)} runs, {len(wanted)} to run", flush=True)
    chosen = tuple(run for run in plan.runs if run.name in wanted)
    launch = secrets.token_hex(4)
    done = sum(run.state == "done" for run in runs)
    again = replace(plan, launch=launch, started=time.time(), done_before=done, elsewhere=False)
    job = delayed(_work)(options.sweep, launch, sorted(wanted), plan.runs[0].config["threads"])
    try:
        with announced(again, options.sweep), signals.passed_on(here=True):
            Parallel(n_jobs=options.workers)(job for _ in range(options.workers))
        signals.check()  # the workers return after a signal
        report(options.sweep, replace(plan, launch=launch, runs=chosen))
    except SweepFailed as error:
        say(error, file=sys.stderr)
        return 1
    except signals.Interrupted as error:
        say(f"{error}: finished stages are in the store, the same command resumes", file=sys.stderr)
        return signals.EXIT_CODE
    return 0


def _work(output: Path, launch: str, only: Sequence[str], threads: int) -> None:
    from synth_scaling.sweep.worker import serve
    from synth_scaling.system.process import set_up_logging, set_up_process

    set_up_process(threads)
    signals.install(insist=not signals.is_worker())
    set_up_logging()
    serve(output, launch, only)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
