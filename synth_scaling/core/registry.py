"""A registry of components by name: those of the package, and those of plugins."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import TypeVar

from synth_scaling.core.validation import ConfigError

T = TypeVar("T")

MODULES = "SYNTH_SCALING_PLUGINS"  # environment variable: importable modules, separated by commas


class Registry(MutableMapping[str, T]):
    """Components by name. Plugins are imported at the first access, not when the registry is created.

    A plugin is an entry point of the group `synth_scaling.KIND`, whose name is the component's and whose value is the
    component; or a module named in the environment variable SYNTH_SCALING_PLUGINS with a dictionary KIND in capitals
    (`TASKS = {"parity": (Parity, ParityOptions)}`). Every access raises ConfigError with one line for a plugin that
    cannot be imported or is refused by `check`, which raises ValueError.
    """

    def __init__(self, kind: str, built_in: Mapping[str, T], check: Callable[[str, object], T]) -> None:
        self.kind, self.built_in, self._check = kind, dict(built_in), check
        self._all: dict[str, T] | None = None
        self._waiting = False

    @property
    def plugins(self) -> list[str]:
        """Names of the components that do not belong to the package."""
        return [name for name in self if name not in self.built_in]

    def _entries(self) -> dict[str, T]:
        if self._all is None:
            self._all = dict(self.built_in)  # seen by a plugin that reads the registry while it is imported
            complete, entries = False, self._all
            try:
                for source, name, load in self._sources():
                    self._add(source, name, load)
                complete = not self._waiting
            finally:
                if not complete:  # the next access reports a broken plugin again, or adds one that is imported by then
                    self._all = None
            return entries
        return self._all

    def _sources(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """(description for messages, component's name, function that imports it) of every plugin."""
        group, self._waiting = f"synth_scaling.{self.kind}", False
        for point in entry_points(group=group):
            if self._is_importing(point.module):
                continue
            package = f" of package {point.dist.name}" if point.dist else ""
            yield f"entry point {point.name} = {point.value} in {group}{package}", point.name, point.load
        for module in filter(None, map(str.strip, os.environ.get(MODULES, "").split(","))):
            if self._is_importing(module):
                continue
            source = f"{MODULES}={module}"
            components = getattr(_imported(source, partial(import_module, module)), self.kind.upper(), {})
            if isinstance(components, Registry):  # imported from this package
                continue
            if not isinstance(components, Mapping):
                raise ConfigError(f"{source}: {self.kind.upper()} is {components!r}; allowed is a dictionary by name")
            for name, component in components.items():
                yield f"{source}: {self.kind.upper()}[{name!r}]", name, partial(_same, component)

    def _is_importing(self, module: str) -> bool:
        """A module that is half imported, and reads the registry meanwhile: its components are added later."""
        importing = getattr(getattr(sys.modules.get(module), "__spec__", None), "_initializing", False)
        self._waiting = self._waiting or importing
        return bool(importing)

    def _add(self, source: str, name: str, load: Callable[[], object]) -> None:
        component = _imported(source, load)
        assert self._all is not None
        if name in self._all:
            taken = ", ".join(self._all)
            raise ConfigError(f"{source}: the name {name} is taken; allowed are names other than {taken}")
        try:
            self._all[name] = self._check(name, component)
        except ValueError as error:
            raise ConfigError(f"{source}: {error}") from None

    def __getitem__(self, name: str) -> T:
        return self._entries()[name]

    def __setitem__(self, name: str, component: T) -> None:
        self._entries()[name] = component

    def __delitem__(self, name: str) -> None:
        del self._entries()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __len__(self) -> int:
        return len(self._entries())


def _same(component: object) -> object:
    return component


def _imported(source: str, load: Callable[[], object]) -> object:
    try:
        return load()
    except Exception as error:  # a plugin's code may raise anything
        reason = " ".join(str(error).split()) or "no message"
        raise ConfigError(
            f"{source}: cannot be imported ({type(error).__name__}: {reason}); correct or uninstall it"
        ) from error


def check_default_name(name: str, options: type) -> None:
    """Refuse an options dataclass whose default `name` is not the component's. Raises ValueError."""
    default = options().name
    if default != name:
        raise ValueError(f"{options.__name__}.name={default}: allowed is the default {name}, the component's name")
