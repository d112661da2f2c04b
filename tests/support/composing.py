"""Configurations for tests, composed as those of a sweep are: once a choice of groups, in milliseconds a value."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields, is_dataclass
from typing import Any

from hydra.types import RunMode

from synth_scaling.config.load import as_options, typed
from synth_scaling.config.schema import Config
from synth_scaling.sweep.compose import loader_of
from synth_scaling.sweep.grid import Composed


@functools.cache
def _composed() -> Composed:
    loader = loader_of()
    return Composed(loader, loader.load_configuration("config", overrides=[], run_mode=RunMode.RUN))


def config(*overrides: str) -> Config:
    """The configuration of `python -m synth_scaling OVERRIDES`."""
    return typed(_composed().run(overrides))


def with_words(*overrides: str) -> Config:
    """The same with a pretrained model; neither it nor the task is looked at."""
    return as_options(_composed().run(["model=smollm2_135m", *overrides]))


def leaves(options: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all keys."""
    for entry in fields(options):
        value = getattr(options, entry.name)
        yield from leaves(value, (*path, entry.name)) if is_dataclass(value) else [(*path, entry.name)]


def changed(c: Config, path: tuple[str, ...]) -> Config:
    """`c` with another value at `path`."""
    c = deepcopy(c)
    *parents, key = path
    owner: Any = c
    for parent in parents:
        owner = getattr(owner, parent)
    value = getattr(owner, key)
    match value:
        case bool():
            value = not value
        case int() | float():
            value += 1
        case str():
            value = __file__ if key == "rollouts_path" else value + "x"  # the content of the file is hashed
        case None:
            value = 7
        case list():
            value = [*value, 1]
    setattr(owner, key, value)
    return c
