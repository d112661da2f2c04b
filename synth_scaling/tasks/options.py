"""The rules that the options of tasks in words share: all of them, those drawn by a seed, and those read from files."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

from synth_scaling.core.validation import ConfigError, at_least, between


class WordOptions(Protocol):
    """Options that every task in words has."""

    name: str
    n_validation: int
    last_number: bool
    grading_bound: float
    max_prompt_tokens: int
    max_response_tokens: int
    world_seed: int


class DrawnOptions(WordOptions, Protocol):
    """Options of a task whose test problems are drawn."""

    n_test: int


@runtime_checkable
class FileOptions(WordOptions, Protocol):
    """Options of a task whose problems are read from files or the hub."""

    path: str | None
    hub: str | None
    revision: str | None
    subsets: list[str]
    train_parts: list[str]
    test_parts: list[str]


def check_words(options: WordOptions) -> None:
    """Refuse options that cannot be. Raises ConfigError."""
    at_least("task.n_validation", options.n_validation, 0)
    at_least("task.max_prompt_tokens", options.max_prompt_tokens, 1)
    at_least("task.max_response_tokens", options.max_response_tokens, 1)
    between("task.grading_bound", options.grading_bound, math.ulp(0.0), 600, "seconds above 0, up to 600")


def check_drawn(options: DrawnOptions) -> None:
    """Refuse options that cannot be. Raises ConfigError."""
    at_least("task.n_test", options.n_test, 1)
    check_words(options)


def check_files(options: FileOptions) -> None:
    """Refuse options that cannot be. Raises ConfigError."""
    check_words(options)
    if options.path and options.hub:
        raise ConfigError(f"task.hub={options.hub}: allowed is one of task.path and task.hub, and task.path is set")
    for key, parts in (("train_parts", options.train_parts), ("test_parts", options.test_parts)):
        if not parts:
            raise ConfigError(f"task.{key}=[]: allowed are one name or more")
