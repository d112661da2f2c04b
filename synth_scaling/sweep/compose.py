"""The configurations of every run of a sweep, without launching it.

Only the configuration is checked: unlike for a launch, the model and the data need not be on this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hydra.version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from synth_scaling.config.load import as_options
from synth_scaling.config.schema import Config, register_schemas
from synth_scaling.config.search_path import configs
from synth_scaling.sweep.grid import expand, grids_of, in_each_run
from synth_scaling.sweep.sweeper import register_sweeper, workers_of


def loader_of(folder: Path | None = None) -> ConfigLoaderImpl:
    """A loader of the package's configurations and sweeps; sweeps in `folder` are searched first."""
    hydra.version.setbase("1.3")
    register_schemas()
    register_sweeper()
    search_path = create_config_search_path(str(configs("conf")))
    for place in filter(None, (configs("sweeps"), folder)):
        search_path.prepend("sweeps", f"file://{place}")
    return ConfigLoaderImpl(config_search_path=search_path)


def runs_of(name: str, overrides: Sequence[str] = (), folder: Path | None = None) -> list[Config]:
    """The runs of `--config-name name`; arguments and errors as of :func:`sweep_of`."""
    return sweep_of(name, overrides, folder)[0]


def sweep_of(name: str, overrides: Sequence[str] = (), folder: Path | None = None) -> tuple[list[Config], int]:
    """The runs of `--config-name name`, in the order of its grids, and its workers; one run if it is no sweep.

    `folder` is searched for sweeps before the package's. Raises ConfigError, or an exception of Hydra, for an
    invalid configuration.
    """
    loader = loader_of(folder)
    parser = OverridesParser.create(config_loader=loader)
    overrides = in_each_run(overrides)
    parsed = list(zip(overrides, parser.parse_overrides(overrides), strict=True))
    whole = loader.load_configuration(
        name, [word for word, override in parsed if not override.is_sweep_override()], run_mode=RunMode.MULTIRUN
    )
    arguments = [word for word, override in parsed if not override.key_or_group.startswith("hydra")]  # are in `whole`
    runs = expand(grids_of(whole.hydra.sweeper), arguments, loader, whole, as_options)
    return [config for _, config in runs], workers_of(whole.hydra.launcher)
