"""The Hydra sweeper of this project: a grid, and further grids beside it; every job is checked before the first runs.

`hydra.sweeper.params` is the grid as Hydra's own sweeper has it; `hydra.sweeper.also` is a list of further ones, for
what a product cannot say (more sizes for the baseline, say). Runs that are done are not launched again.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from synth_scaling.bounds import ConfigError
from synth_scaling.checks import check_folders
from synth_scaling.config import Config, run_hash, typed
from synth_scaling.progress import Plan, is_done, run_folder

log = logging.getLogger("synth_scaling")


class SweepFailed(RuntimeError):
    """Some runs of a sweep failed; the message names them."""


@dataclass
class GridSweeperConf:
    _target_: str = "hydra_plugins.synth_scaling.GridSweeper"
    params: dict[str, str] | None = None
    also: list[dict[str, str]] = field(default_factory=list)


class GridSweeper(Sweeper):
    def __init__(self, params: dict[str, str] | None = None, also: Sequence[dict[str, str]] = ()) -> None:
        self.grids = [params or {}, *also]

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run every job that is not done yet. Raises ConfigError before any runs, SweepFailed after the last."""
        jobs = self._jobs(arguments)
        configs = {run_hash(config): config for _, config in jobs}
        overrides = {run_hash(config): job for job, config in jobs}  # two jobs with one result are one run
        waiting = [name for name, config in configs.items() if not is_done(config)]
        output = Path(jobs[0][1].output)
        print(f"{output}: {len(configs)} runs, {len(configs) - len(waiting)} done, {len(waiting)} to run", flush=True)
        Plan(list(configs), len(configs) - len(waiting), time.time()).write(output)
        if waiting:
            assert self.launcher is not None, "set up by Hydra"
            results = self.launcher.launch([overrides[name] for name in waiting], initial_job_idx=0)
            failed = [name for name, result in zip(waiting, results, strict=True) if result.status.name != "COMPLETED"]
            if failed:
                lines = [f"{run_folder(configs[name])}/error.txt ({_name(configs[name])})" for name in failed]
                raise SweepFailed(f"{len(failed)} of {len(waiting)} runs failed: " + ", ".join(lines))
        return None

    def _jobs(self, arguments: list[str]) -> list[tuple[list[str], Config]]:
        assert self.hydra_context is not None and self.config is not None, "set up by Hydra"
        loader = self.hydra_context.config_loader
        parser = OverridesParser.create(config_loader=loader)
        jobs: list[list[str]] = []
        for grid in self.grids:
            words = [f"{key}={value}" for key, value in grid.items()]
            (product,) = BasicSweeper.split_arguments(parser.parse_overrides([*words, *arguments]), None)
            jobs += product
        checked = []
        for job in jobs:
            composed = loader.load_sweep_config(self.config, job)
            OmegaConf.set_struct(composed, False)
            composed.pop("hydra")
            checked.append((job, typed(composed)))
        if not checked:
            raise ConfigError("hydra.sweeper.params={}: allowed is a grid of at least one run")
        check_folders(checked[0][1])
        return checked


def _name(config: Config) -> str:
    return f"{config.label} N={config.data.problems} seed={config.seed}"


def register_sweeper() -> None:
    """Make `hydra/sweeper=grid` known to Hydra."""
    # Hydra takes plugins from its own namespace only, also those that are registered by hand: this module is put there.
    sys.modules["hydra_plugins.synth_scaling"] = sys.modules[__name__]
    GridSweeper.__module__ = "hydra_plugins.synth_scaling"
    Plugins.instance().register(GridSweeper)
    ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="synth_scaling")
