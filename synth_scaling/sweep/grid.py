"""From the grids of a sweep to its runs, composed and checked.

Runs that choose the same groups (`method=dpo`) differ in values only. So Hydra composes each distinct choice of groups
once, and values are set on copies of it by Hydra's rules: 1,000 runs take seconds.
"""

from __future__ import annotations

import functools
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.config.load import typed
from synth_scaling.config.schema import Config
from synth_scaling.core.validation import ConfigError

OF_A_RUN = re.compile(r"\$\{(?!hydra\.)[^:{}]+\}")  # an interpolation of a key of the run: no resolver, not Hydra's


def grids_of(sweeper: DictConfig) -> list[dict[str, str]]:
    """The grid `params` and the further grids `also` of the node `hydra.sweeper`. Raises ConfigError.

    `${method.name}` in a value is resolved in each run; `${oc.env:SIZES}` and `${hydra.…}` here, before the split.
    """
    params, also = (_values(sweeper, key) for key in ("params", "also"))
    if not isinstance(also, list | None):
        raise ConfigError(f"hydra.sweeper.also={also}: allowed is a list of grids, [{{key: values}}]")
    beside = {f"hydra.sweeper.also[{i}]": grid for i, grid in enumerate(also or [])}
    named = {"hydra.sweeper.params": params or {}, **beside}
    for name, grid in named.items():
        if not isinstance(grid, dict):
            raise ConfigError(f"{name}={grid}: allowed is a grid, {{key: values}}")
        for key, values in grid.items():
            if isinstance(values, dict) or values is None:
                raise ConfigError(f"{name}.{key}={values}: allowed are Hydra's sweeps, '1,2' or 'range(3)'")
    return [{str(key): str(values) for key, values in grid.items()} for grid in named.values()]


def _values(node: Any, key: Any) -> Any:
    """The value at `key` in plain containers, resolved but for the keys of a run."""
    raw = OmegaConf.to_container(node, resolve=False)
    assert isinstance(raw, dict | list)
    written = raw.get(key) if isinstance(raw, dict) else raw[key]
    if isinstance(written, str) and OF_A_RUN.search(written):
        return written
    value = node.get(key) if isinstance(node, DictConfig) else node[key]
    if isinstance(value, DictConfig):
        return {inner: _values(value, inner) for inner in value}
    if isinstance(value, ListConfig):
        return [_values(value, i) for i in range(len(value))]
    return value


def expand(
    grids: Sequence[Mapping[str, str]],
    arguments: Sequence[str],
    loader: ConfigLoader,
    config: DictConfig,
    read: Callable[[DictConfig], Config] = typed,
) -> list[tuple[list[str], Config]]:
    """Every run of `grids`, each with `arguments` of the command: its overrides, and its checked configuration.

    A grid is a product of sweeps, `key: values` in Hydra's syntax; `config` is the sweep's configuration; `read`
    checks a composed one. Raises ConfigError, HydraException or OmegaConfBaseException if any run is invalid.
    """
    parser = OverridesParser.create(config_loader=loader)
    jobs: list[list[str]] = []
    for grid in grids:
        words = [f"{key}={values}" for key, values in grid.items()]
        overrides = parser.parse_overrides([*words, *arguments])
        jobs += product(overrides)
    if not jobs:
        raise ConfigError("hydra.sweeper.params={}: allowed is a grid of at least one run")
    composed = Composed(loader, config)
    return [(job, read(composed.run(job))) for job in jobs]


def in_each_run(words: Sequence[str]) -> list[str]:
    """The words of a sweep's command, with the values of a group's keys as sweeps over one value.

    Hydra sets values that are swept over in the runs, and all others in the configuration of the sweep itself, whose
    groups are not those of the runs: `method=dpo,step_dpo method.nll=1` would be refused, since the default method has
    no such key. Words that Hydra cannot parse are left to it, and null, which it cannot sweep over.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(list(words))
    except HydraException:
        return list(words)
    return [_as_sweep(word, override) for word, override in zip(words, parsed, strict=True)]


def _as_sweep(word: str, override: Override) -> str:
    key = override.key_or_group
    if "." not in key or key.startswith("hydra.") or override.is_sweep_override() or override.is_delete():
        return word
    if override.value() is None:
        return word
    return f"{word.partition('=')[0]}=choice({override.get_value_element_as_str()})"


def product(overrides: list[Override]) -> list[list[str]]:
    """Each combination of the values that the overrides sweep over. Raises ConfigError for a sweep without values."""
    for override in overrides:
        if override.is_sweep_override():
            if not override.is_discrete_sweep():
                raise ConfigError(f"{override.input_line}: allowed are sweeps over values, '1,2' or 'range(3)'")
            try:
                empty = next(override.sweep_string_iterator(), None) is None
            except ValueError as error:
                raise ConfigError(f"{override.input_line}: {error}") from None
            if empty:
                raise ConfigError(f"{override.input_line}: allowed are sweeps of at least one value")
    ((*jobs,),) = BasicSweeper.split_arguments(overrides, None)
    return jobs


class Composed:
    """Composes the configurations of one sweep; parsed words and composed choices are cached."""

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        assert isinstance(loader, ConfigLoaderImpl)
        self._loader, self._config = loader, config
        self._parser = OverridesParser.create(config_loader=loader)
        hydra_words = [str(word) for word in config.hydra.overrides.hydra]
        _, self._files = loader._parse_overrides_and_create_caching_repo(config.hydra.job.config_name, hydra_words)
        self._parse, self._choose = functools.cache(self._parse_once), functools.cache(self._choose_once)

    def run(self, job: Sequence[str]) -> DictConfig:
        """The configuration that Hydra's `load_sweep_config` returns for `job`, without the node `hydra`."""
        parsed = [self._parse(word) for word in job]
        groups = tuple(word for word, (_, group) in zip(job, parsed, strict=True) if group)
        run: DictConfig = pickle.loads(self._choose(groups))
        try:
            ConfigLoaderImpl._apply_overrides_to_config([value for value, group in parsed if not group], run)
        except OmegaConfBaseException as error:
            raise ConfigCompositionException() from error
        return run

    def _parse_once(self, word: str) -> tuple[Override, bool]:
        """The parsed `word`, and whether Hydra has to compose it: choices of groups, and keys of Hydra itself."""
        (override,) = self._parser.parse_overrides([word])
        key = override.key_or_group
        group = self._files.group_exists(key) and not isinstance(override.value(), dict)
        return override, group or key.startswith("hydra.")

    def _choose_once(self, groups: tuple[str, ...]) -> bytes:
        try:
            chosen = self._loader.load_sweep_config(self._config, list(groups))
        except ValueError as error:  # Hydra's, of method=5
            raise ConfigError(f"{' '.join(groups)}: {error}") from None
        with open_dict(chosen):
            chosen.pop("hydra")
        return pickle.dumps(chosen)  # a copy from bytes takes a quarter of the time of deepcopy
