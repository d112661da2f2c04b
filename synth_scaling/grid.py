"""From the grids of a sweep to its runs, composed and checked.

Runs that choose the same groups (`method=dpo`) differ in values only. So Hydra composes each distinct choice of groups
once, and values are put onto copies of it by Hydra's own rules: 1,000 runs in seconds.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Mapping, Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.bounds import ConfigError
from synth_scaling.config import Config, typed


def expand(
    grids: Sequence[Mapping[str, str]],
    arguments: Sequence[str],
    loader: ConfigLoader,
    config: DictConfig,
    accept: Callable[[DictConfig], Config] = typed,
) -> list[tuple[list[str], Config]]:
    """Every run of `grids`, each with `arguments` of the command: its overrides, and what `accept` makes of it.

    A grid is a product of sweeps, `key: values` in Hydra's syntax; `config` is the sweep's own configuration. Raises
    ConfigError, HydraException or OmegaConfBaseException if any run cannot be.
    """
    parser = OverridesParser.create(config_loader=loader)
    jobs: list[list[str]] = []
    for grid in grids:
        words = [f"{key}={value}" for key, value in grid.items()]
        (product,) = BasicSweeper.split_arguments(parser.parse_overrides([*words, *arguments]), None)
        jobs += product
    if not jobs:
        raise ConfigError("hydra.sweeper.params={}: allowed is a grid of at least one run")
    composed = _Composed(loader, config)
    return [(job, accept(composed.run(job))) for job in jobs]


class _Composed:
    """The configurations of one sweep. What is parsed and composed is kept."""

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        assert isinstance(loader, ConfigLoaderImpl)
        self._loader, self._config = loader, config
        self._parser = OverridesParser.create(config_loader=loader)
        own = [str(word) for word in config.hydra.overrides.hydra]
        _, self._files = loader._parse_overrides_and_create_caching_repo(config.hydra.job.config_name, own)
        self._parse, self._choose = functools.cache(self._parse_once), functools.cache(self._choose_once)

    def run(self, job: Sequence[str]) -> DictConfig:
        """What Hydra's `load_sweep_config` gives for `job`, without its node `hydra`."""
        parsed = [self._parse(word) for word in job]
        groups = tuple(word for word, (_, group) in zip(job, parsed, strict=True) if group)
        run: DictConfig = pickle.loads(self._choose(groups))
        try:
            ConfigLoaderImpl._apply_overrides_to_config([value for value, group in parsed if not group], run)
        except OmegaConfBaseException as error:
            raise ConfigCompositionException() from error
        return run

    def _parse_once(self, word: str) -> tuple[Override, bool]:
        """`word`, and whether it chooses a group, as Hydra tells that; what is Hydra's own is left to Hydra, too."""
        (override,) = self._parser.parse_overrides([word])
        key = override.key_or_group
        group = self._files.group_exists(key) and not isinstance(override.value(), dict)
        return override, group or key.startswith("hydra.")

    def _choose_once(self, groups: tuple[str, ...]) -> bytes:
        chosen = self._loader.load_sweep_config(self._config, list(groups))
        with open_dict(chosen):
            chosen.pop("hydra")
        return pickle.dumps(chosen)  # a copy from bytes takes a quarter of the time of deepcopy
