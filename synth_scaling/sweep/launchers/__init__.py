"""Hydra launchers that start a sweep's workers elsewhere: `hydra/launcher=slurm` and `hydra/launcher=ray`.

A launcher starts them, waits, and reports workers that died. Which runs failed is written in the runs' own folders.
"""

from __future__ import annotations

import sys
from types import ModuleType

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from synth_scaling.sweep.launchers import ray, slurm


def register_launchers() -> None:
    """Make both known to Hydra. What they stand on is imported when they launch."""
    register("slurm", slurm, slurm.SlurmLauncher, slurm.SlurmLauncherConf)
    register("ray", ray, ray.RayLauncher, ray.RayLauncherConf)


def register(name: str, module: ModuleType, plugin: type, options: type) -> None:
    # Hydra takes plugins from its own namespace only, also those that are registered by hand: each module is put there.
    plugin.__module__ = f"hydra_plugins.synth_scaling_{name}"
    sys.modules[plugin.__module__] = module
    Plugins.instance().register(plugin)
    ConfigStore.instance().store(group="hydra/launcher", name=name, node=options, provider="synth_scaling")
