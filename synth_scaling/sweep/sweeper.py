"""The Hydra sweeper of this project: a grid, and further grids beside it; every run is checked before the first starts.

`hydra.sweeper.params` is the grid, as in Hydra's basic sweeper; `hydra.sweeper.also` is a list of further ones, for
sets of runs that are not one product (more sizes for the baseline, say). The launcher, any of Hydra's, starts workers
that share the runs (:mod:`synth_scaling.sweep.worker`); the state of a run is read from its folder.
"""

from __future__ import annotations

import functools
import logging
import os
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from synth_scaling.config.checks import check_folders
from synth_scaling.config.devices import missing_gpus
from synth_scaling.config.load import typed, typed_without_files
from synth_scaling.config.naming import resolved, run_hash, title
from synth_scaling.config.run_folder import RunFolder, run_locks
from synth_scaling.config.schema import Config
from synth_scaling.core.hashing import content_hash
from synth_scaling.core.terminal import say
from synth_scaling.core.validation import ConfigError
from synth_scaling.experiment.store import tidy
from synth_scaling.experiment.text_checks import check_texts
from synth_scaling.sweep.grid import expand, grids_of
from synth_scaling.sweep.outlook import Outlook
from synth_scaling.sweep.plan import Plan, Planned, announced, is_over
from synth_scaling.sweep.power import power_line
from synth_scaling.system import signals
from synth_scaling.system.leases import is_held
from synth_scaling.system.pinning import check_pins

log = logging.getLogger("synth_scaling")

ROUNDS = 3  # times that workers are started in one launch, if they die
SHARED = ("output", "store", "sweep")  # keys that are not in the hash of a run: one value for all runs of a sweep


class SweepFailed(RuntimeError):
    """Some runs of a sweep failed; the message names them."""


@dataclass
class GridSweeperConf:
    _target_: str = "hydra_plugins.synth_scaling.GridSweeper"
    params: Any = None  # a grid: {key: values as on Hydra's command line}
    also: Any = None  # a list of further grids
    dry_run: bool = False  # or --dry-run: print what there is to compute, and stop
    verbose: bool = False  # or --verbose: list the runs
    pin: str = "none"  # "none", "cores" or "gpus": each worker on a machine gets devices that no other worker uses
    devices_per_worker: int = 1  # [devices] of each worker with `pin`
    launch: str = ""  # set by a launch for its workers: the plan that they follow


class GridSweeper(Sweeper):
    def __init__(
        self,
        params: Any = None,
        also: Any = None,
        dry_run: bool = False,
        verbose: bool = False,
        pin: str = "none",
        devices_per_worker: int = 1,
        launch: str = "",
    ) -> None:
        self.params, self.also, self.dry_run, self.verbose = params, also, dry_run, verbose
        self.pin, self.devices_per_worker = pin, devices_per_worker

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Compute every run that is not done. Raises ConfigError before any starts, SweepFailed after the last."""
        assert self.config is not None, "set up by Hydra"
        most = workers_of(self.config.hydra.launcher)
        launcher = self.config.hydra.runtime.choices["hydra/launcher"]
        check_pins(self.pin, self.devices_per_worker, most, launcher)
        absent: list[str] = []
        jobs = self._jobs(arguments, absent)
        configs = named([config for _, config in jobs], absent)
        output, store = Path(jobs[0][1].output), Path(jobs[0][1].store)
        outlook = Outlook(output, configs, most, exact=self.dry_run)
        lack = missing_gpus(outlook.missing.values(), launcher, self.devices_per_worker if self.pin == "gpus" else None)
        if lack is not None and not self.dry_run:
            raise ConfigError(lack)
        if not absent:
            check_texts(outlook.missing.values())
        for line in outlook.lines(self.verbose, absent, lack):
            say(line, flush=True)
        if self.dry_run:
            resolvable = power_line(configs.values(), output) if outlook.missing else None
            if resolvable is not None:
                say(resolvable)
            return
        workers = min(most, len(outlook.missing))
        plan = replace(plan_of(outlook, workers), elsewhere=not self._is_here("joblib", "basic"))
        with announced(plan, output, of_earlier_launches(output, outlook.configs)):
            signals.check()
            if outlook.missing:
                self._launch(jobs[0][0], workers, output, plan)
        if outlook.missing:
            if self._detached():
                return
            tidy(store)
            for marker in run_locks(output):
                is_held(marker)  # removes the lease of a dead worker
        report(output, plan)

    def _launch(self, overrides: list[str], workers: int, output: Path, plan: Plan) -> None:
        """Start workers until the plan is over, up to ROUNDS times: later workers take over the runs of dead ones."""
        assert self.launcher is not None and self.config is not None, "set up by Hydra"
        with open_dict(self.config):  # a worker's configuration is composed anew, from these words
            self.config.hydra.overrides.hydra.append(f"hydra.sweeper.launch={plan.launch}")
        for _ in range(ROUNDS):
            try:
                with signals.passed_on(here=self._is_here("joblib")):
                    results = self.launcher.launch([overrides] * workers, initial_job_idx=0)
                if self._detached():
                    return
                for result in results:
                    _ = result.return_value  # raises what the worker raised
            except ConfigError:
                raise  # the launcher refused
            except Exception as error:
                signals.check()  # a worker that receives the signal before its handler is installed dies of it
                log.warning("a worker ended with %s: %s", type(error).__name__, error)
            signals.check()  # the workers of joblib return after a signal
            if all(is_over(RunFolder.of(output, run.name), plan) for run in plan.runs):
                return

    def _is_here(self, *names: str) -> bool:
        """Whether the launcher, which runs its workers as processes of this machine, is one of these of Hydra."""
        assert self.config is not None, "set up by Hydra"
        return any(name in str(self.config.hydra.launcher.get("_target_")).lower() for name in names)

    def _detached(self) -> bool:
        assert self.config is not None, "set up by Hydra"
        return self.config.hydra.launcher.get("wait", True) is False

    def _jobs(self, arguments: list[str], absent: list[str]) -> list[tuple[list[str], Config]]:
        """Every run with its overrides, seed by seed, so that a whole picture is there early.

        A dry run needs no files: lines on those that are missing go to `absent`.
        """
        assert self.hydra_context is not None and self.config is not None, "set up by Hydra"
        read = functools.partial(typed_without_files, absent=absent) if self.dry_run else typed
        jobs = expand(
            grids_of(self.config.hydra.sweeper), arguments, self.hydra_context.config_loader, self.config, read
        )
        check_shared([config for _, config in jobs])
        check_folders(jobs[0][1], create=not self.dry_run)
        return sorted(jobs, key=lambda job: job[1].seed)  # stable: the grid's order within a seed


def workers_of(launcher: DictConfig) -> int:
    """Number of workers: `n_jobs` of joblib, `workers` of ours; Hydra's basic launcher runs one in this process.

    Raises ConfigError for 0.
    """
    for key in ("workers", "n_jobs"):
        if launcher.get(key) == 0:
            raise ConfigError(f"hydra.launcher.{key}=0: allowed are values of at least 1, and -1: one a core")
    workers = launcher.get("workers") or launcher.get("n_jobs") or 1
    return workers if workers > 0 else max(1, (os.cpu_count() or 1) + 1 + workers)  # as joblib counts


def check_shared(configs: Sequence[Config]) -> None:
    """Refuse a sweep whose runs differ in a key that they have to share. Raises ConfigError."""
    for key in SHARED:
        values = list(dict.fromkeys(str(getattr(config, key)) for config in configs))
        if len(values) > 1:
            some = ", ".join(values[:3]) + (", ..." if len(values) > 3 else "")
            raise ConfigError(f"{key}: differs between the runs ({some}); allowed is one value for the whole sweep")


def named(configs: Sequence[Config], absent: Sequence[str] = ()) -> dict[str, Config]:
    """The runs by their hashes; configurations with one hash are one run.

    Where files are `absent` that the hash depends on, a run is named by its configuration alone.
    """
    if absent:
        return {content_hash(resolved(config)): config for config in configs}
    return {run_hash(config): config for config in configs}


def plan_of(outlook: Outlook, workers: int) -> Plan:
    """The plan of a launch, with the expected seconds of each run that is missing."""
    known = outlook.forecast.seconds if outlook.forecast else None
    seconds = {} if known is None else dict(zip(outlook.missing, known, strict=True))
    runs = tuple(planned(config, seconds.get(name, 0.0)) for name, config in outlook.configs.items())
    return Plan(secrets.token_hex(4), time.time(), len(outlook.done), runs, max(1, workers))


def planned(config: Config, seconds: float = 0.0) -> Planned:
    """The entry of a run in the plan of its sweep; `seconds` that one worker is expected to need for it."""
    return Planned(run_hash(config), title(config), resolved(config), seconds)


def of_earlier_launches(output: Path, configs: Mapping[str, Config]) -> list[Planned]:
    """The finished runs in the plan of `output` that differ from one of `configs` in seed and N alone.

    So a study may be launched seed by seed or size by size. Runs with other settings are left out: they may be other
    versions of the same points.
    """
    try:
        before = [run for run in Plan.read(output).runs if run.name not in configs]
    except ValueError:
        return []  # no plan, or none that can be read: the next one replaces it

    def hash_at(config: Config, seed: int, problems: int) -> str:
        return run_hash(replace(config, seed=seed, data=replace(config.data, problems=problems)))

    points = {(run.config["seed"], run.config["data"]["problems"]) for run in before}
    settings = {hash_at(config, 0, 1): config for config in configs.values()} if before else {}
    names = {hash_at(config, *point) for config in settings.values() for point in points}
    return [run for run in before if run.name in names and RunFolder.of(output, run.name).is_done]


def report(output: Path, plan: Plan) -> None:
    """Raises SweepFailed naming the runs that are not done."""
    lines = []
    for run in plan.runs:
        folder = RunFolder.of(output, run.name)
        if not folder.is_done:
            failure = folder.failure()
            why = f"{failure.kind}: {failure.line}" if failure else _unfinished(output)
            lines.append(f"  {run.title}: {why.splitlines()[0]} ({folder.path})")
    if lines:
        raise SweepFailed("\n".join([f"{len(lines)} of {len(plan.runs)} runs failed:", *lines]))


def _unfinished(output: Path) -> str:
    """Why a run without a result has no recorded failure either."""
    if shutil.disk_usage(output).free < 1e6:
        return f"disk_full: no space is left under {output}"
    return "not finished: its worker ended"


def register_sweeper() -> None:
    """Register `hydra/sweeper=grid` with Hydra."""
    # Hydra accepts plugins of its namespace only, even those registered by hand: this module is entered there.
    sys.modules["hydra_plugins.synth_scaling"] = sys.modules[__name__]
    GridSweeper.__module__ = "hydra_plugins.synth_scaling"
    Plugins.instance().register(GridSweeper)
    ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="synth_scaling")
