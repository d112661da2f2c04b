"""Every run of a sweep as it is configured, for who wants to look at a sweep without launching it.

Checked is what the configuration alone tells: neither model nor data need to be here, as they must for a launch.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import hydra.version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from synth_scaling.checks import check, known
from synth_scaling.cli import configs
from synth_scaling.config import Config, register_schemas
from synth_scaling.sweeper import register_sweeper


def runs_of(name: str, overrides: Sequence[str] = (), folder: Path | None = None) -> list[Config]:
    """The runs of `--config-name name`, in the order of its grids; one where it is no sweep.

    `folder` is searched for sweeps before the package's. Raises ConfigError or one of Hydra's for what cannot be.
    """
    hydra.version.setbase("1.3")
    register_schemas()
    register_sweeper()
    search_path = create_config_search_path(str(configs("conf")))
    for place in filter(None, (configs("sweeps"), folder)):
        search_path.prepend("sweeps", f"file://{place}")
    loader = ConfigLoaderImpl(config_search_path=search_path)
    parser = OverridesParser.create(config_loader=loader)
    parsed = list(zip(overrides, parser.parse_overrides(list(overrides)), strict=True))
    whole = loader.load_configuration(
        name, [word for word, override in parsed if not override.is_sweep_override()], run_mode=RunMode.MULTIRUN
    )
    arguments = [word for word, override in parsed if not override.key_or_group.startswith("hydra")]  # are in `whole`
    sweeper = whole.hydra.sweeper
    jobs: list[list[str]] = []
    for grid in [sweeper.params or {}, *sweeper.get("also", [])]:
        words = [f"{key}={value}" for key, value in grid.items()]
        (product,) = BasicSweeper.split_arguments(parser.parse_overrides([*words, *arguments]), None)
        jobs += product
    composed: dict[tuple[str, ...], DictConfig] = {}  # by the words that choose a group's file, which take a while
    groups = set(loader.list_groups(""))
    runs = []
    for job in jobs:
        told = parser.parse_overrides(job)
        files = tuple(word for word, override in zip(job, told, strict=True) if override.key_or_group in groups)
        if files not in composed:
            composed[files] = loader.load_sweep_config(whole, list(files))
            OmegaConf.set_struct(composed[files], False)
            composed[files].pop("hydra")
            OmegaConf.set_struct(composed[files], True)
        config = copy.deepcopy(composed[files])
        loader._apply_overrides_to_config([o for o in told if o.key_or_group not in groups], config)
        run = OmegaConf.to_object(config)
        assert isinstance(run, Config), type(run)
        known(run)
        check(run)
        runs.append(run)
    return runs
