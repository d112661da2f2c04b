"""A worker computes runs of a sweep until none is left; any number of workers, on any machines, share the runs.

Two kinds of leases separate them: one per run, one per stage of the store. A run that needs a stage which another
worker is computing is deferred and started again when the stage is there; its finished stages are read from the store
then. So no worker waits while there is other work. One engine serves all runs of a worker.
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
from synth_scaling.core.validation import ConfigError
from synth_scaling.sampling.factory import close_engines
from synth_scaling.sweep.plan import Plan, Planned, is_over, words
from synth_scaling.system import signals
from synth_scaling.system.failures import Failure
from synth_scaling.system.files import read_advisory, write_text
from synth_scaling.system.leases import POLL, Busy, Lease, LeaseLost, is_held, lease

log = logging.getLogger("synth_scaling")

ATTEMPTS = 2  # starts of a run per launch, if its worker dies and leaves no failure record


def serve(output: Path, launch: str = "", only: Collection[str] | None = None) -> None:
    """Run `work` in a process that was started for it, and end the process's engine afterwards.

    A process of joblib returns after a termination signal: joblib would answer an exception by killing the other
    workers, which are writing their checkpoints. Its launch has received the signal as well and reports it. A process
    of joblib whose launch has died ends here; it would otherwise wait for ever: for its engine, and for tasks.
    """
    try:
        signals.check()
        work(output, launch, only)
    except BaseException as error:
        if not signals.requested():
            raise
        if not signals.is_worker():
            signals.check()
        log.info("worker stopped by %s", error.by if isinstance(error, signals.Interrupted) else signals.requested())
    finally:
        close_engines()
        if signals.is_orphan():
            os._exit(signals.EXIT_CODE)


def work(output: Path, launch: str = "", only: Collection[str] | None = None) -> None:
    """Compute the missing runs of a launch of the sweep in `output`, or those of them whose hashes are in `only`.

    The failure of a run is recorded in its folder; the other runs follow. Raises ValueError if `output` is not the
    folder of a sweep. An exception that ends the process (KeyboardInterrupt, say) is raised here.
    """
    plan = Plan.read(output, launch)
    wanted = [run for run in plan.runs if only is None or run.name in only]
    waiting = {run.name: run for run in wanted if not is_over(RunFolder.of(output, run.name), plan)}
    blocked: dict[str, Path] = {}  # deferred runs, with the lease that each of them waits for
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
                break  # the lease that an earlier run waits for may be free by now
            except Busy as busy:
                blocked[run.name] = busy.marker
        else:
            time.sleep(POLL)


def attempted(output: Path, run: Planned, plan: Plan) -> bool:
    """Compute `run` unless it is done or has failed in this launch. Returns whether it was started; raises Busy."""
    folder = RunFolder.of(output, run.name)
    if is_over(folder, plan):
        return False
    with lease(folder.lock, wait=False) as held:
        if is_over(folder, plan):
            return False
        folder.path.mkdir(parents=True, exist_ok=True)
        try:
            config = restored(run.config)
        except (ConfigError, TypeError, KeyError) as error:  # of a plugin, or of a version, that is not installed here
            Failure("configuration", " ".join(str(error).split()), plan.launch).write(folder.path)
            log.error("%s: %s", run.title, error)
            return True
        if not _may_begin(folder, plan):
            line = f"the process ended {ATTEMPTS} times without a failure record: killed, perhaps for lack of memory"
            Failure("killed", line, plan.launch).write(folder.path)
            log.error("%s: %s", run.title, line)
            return True
        try:
            _make(config, plan, held)
        finally:  # a killed process does not reach this line
            if not held.is_lost():
                folder.attempts.unlink(missing_ok=True)
    return True


def _make(config: Config, plan: Plan, held: Lease) -> None:
    from synth_scaling.experiment.run import run_once  # imports torch, needed only if something is computed

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
    """begun.json: the number of times that a run was started in a launch."""

    launch: str
    attempts: int


def _may_begin(folder: RunFolder, plan: Plan) -> bool:
    """Count this attempt; False if ATTEMPTS of them in this launch ended without a recorded reason."""
    last = read_advisory(folder.attempts, Attempts)
    attempts = last.attempts if last is not None and last.launch == plan.launch else 0
    write_text(folder.attempts, json.dumps({"launch": plan.launch, "attempts": attempts + 1}))
    return attempts < ATTEMPTS
