"""A worker goes through the runs of a sweep until none is left; any number of them share the runs, anywhere.

Two leases keep them apart: one a run, one a stage of the store. A run that needs a stage which another worker is making
is set aside and begun again when the stage is there; what it had found by then is found again. So nobody waits while
there is other work. One engine serves all runs of a worker.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from synth_scaling.config.load import restored
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.sampling.factory import close_engines
from synth_scaling.sweep.plan import Plan, Planned, is_over, words
from synth_scaling.system import signals
from synth_scaling.system.failures import Failure
from synth_scaling.system.files import read_advisory, write_text
from synth_scaling.system.leases import POLL, Busy, Lease, LeaseLost, is_held, lease

log = logging.getLogger("synth_scaling")

ATTEMPTS = 2  # a run in which a worker died without a word is begun once more in the same launch


def serve(output: Path, only: Collection[str] | None = None) -> None:
    """`work`, in a process that was started for it. joblib's would else wait for ever: for an engine in a process of
    its own, and for more to do from a launch that is gone."""
    try:
        work(output, only)
    finally:
        close_engines()
        if signals.is_orphan():
            os._exit(signals.EXIT_CODE)


def work(output: Path, only: Collection[str] | None = None) -> None:
    """Make what is missing of the sweep in `output`, or of the runs named in `only`.

    A run that fails is recorded in its folder, and others go on.

    Raises ValueError if `output` is no folder of a sweep. What ends the process (KeyboardInterrupt, say) ends it.
    """
    plan = Plan.read(output)
    wanted = [run for run in plan.runs if only is None or run.name in only]
    waiting = {run.name: run for run in wanted if not is_over(RunFolder.of(output, run.name), plan)}
    blocked: dict[str, Path] = {}  # runs that were set aside, by the marker that stood in their way
    while waiting:
        signals.check()
        held = {marker for marker in set(blocked.values()) if is_held(marker)}
        free = [run for name, run in waiting.items() if blocked.get(name) not in held]
        for run in free:
            try:
                if attempted(output, run, plan):
                    log.info("%s", words(output, plan))
                del waiting[run.name]
                blocked.pop(run.name, None)
                break  # what stood in the way of an earlier run may be gone
            except Busy as busy:
                blocked[run.name] = busy.marker
        else:
            time.sleep(POLL)


def attempted(output: Path, run: Planned, plan: Plan) -> bool:
    """Make `run` unless it is done or has failed in this launch; whether it was begun here. Raises Busy."""
    folder = RunFolder.of(output, run.name)
    if is_over(folder, plan):
        return False
    with lease(folder.lock, wait=False) as held:
        if is_over(folder, plan):
            return False
        config = restored(run.config)
        folder.path.mkdir(parents=True, exist_ok=True)
        if not _may_begin(folder, plan):
            line = f"the process ended {ATTEMPTS} times without a word: killed, for want of memory perhaps"
            Failure("killed", line, plan.launch).write(folder.path)
            log.error("%s: %s", run.title, line)
            return True
        try:
            _make(config, plan, held)
        finally:  # not reached by a process that is killed
            if not held.is_lost():
                folder.attempts.unlink(missing_ok=True)
    return True


def _make(config: Config, plan: Plan, held: Lease) -> None:
    from synth_scaling.experiment.run import run_once  # torch and transformers: not before there is something to make

    try:
        run_once(config, wait=False, launch=plan.launch, held=held)
    except Busy:
        raise
    except LeaseLost as error:
        log.warning("%s; that process computes the run", error)
        raise Busy(Path(held.lock_file)) from error
    except Exception as error:
        log.debug("recorded in the run's folder: %s", error)


@dataclass(frozen=True)
class Attempts:
    """begun.json: how often a run was begun in a launch."""

    launch: str
    attempts: int


def _may_begin(folder: RunFolder, plan: Plan) -> bool:
    """Count this attempt; False if ATTEMPTS of them in this launch ended without a recorded reason."""
    last = read_advisory(folder.attempts, Attempts)
    attempts = last.attempts if last is not None and last.launch == plan.launch else 0
    write_text(folder.attempts, json.dumps({"launch": plan.launch, "attempts": attempts + 1}))
    return attempts < ATTEMPTS
