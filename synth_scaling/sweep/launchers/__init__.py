"""Hydra launchers that start a sweep's workers elsewhere: `hydra/launcher=slurm` and `hydra/launcher=ray`.

A launcher starts the workers, waits, and reports workers that died. Failed runs are recorded in the runs' folders.
"""

from __future__ import annotations

import sys
from types import ModuleType

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from synth_scaling.sweep.launchers import ray, slurm


def register_launchers() -> None:
    """Register both launchers with Hydra. submitit and Ray are imported only when they launch."""
    register("slurm", slurm, slurm.SlurmLauncher, slurm.SlurmLauncherConf)
    register("ray", ray, ray.RayLauncher, ray.RayLauncherConf)


def register(name: str, module: ModuleType, plugin: type, options: type) -> None:
    """Register `plugin`, a launcher in `module`, as `hydra/launcher=name` with its options dataclass."""
    # Hydra accepts plugins of its namespace only, even those registered by hand: each module is entered there.
    plugin.__module__ = f"hydra_plugins.synth_scaling_{name}"
    sys.modules[plugin.__module__] = module
    Plugins.instance().register(plugin)
    ConfigStore.instance().store(group="hydra/launcher", name=name, node=options, provider="synth_scaling")
