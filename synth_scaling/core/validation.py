"""What a value may be, as one line for its user: the key, the value, what is allowed."""

from __future__ import annotations

import math
from typing import Any

from synth_scaling.core.suggestions import did_you_mean


class ConfigError(ValueError):
    """A configuration that cannot run; the message is one line for its user."""


def at_least(key: str, value: float, least: float) -> None:
    if not value >= least:
        raise ConfigError(f"{key}={value}: allowed are values of at least {least}")


def above_zero(key: str, value: float) -> None:
    if not value > 0:
        raise ConfigError(f"{key}={value}: allowed are values above 0")


def between(key: str, value: float, low: float, high: float, words: str) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{key}={value}: allowed are {words}")


def filled(key: str, value: str) -> None:
    if not value.strip():
        raise ConfigError(f"{key}={value}: allowed is a text that is not empty")


def one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{key}={value}: allowed are {', '.join(allowed)}{did_you_mean(value, allowed)}")


def finite(values: dict[str, Any], above: str = "") -> None:
    """Every number of nested plain data. Raises ConfigError with the dotted key of one that is not finite."""
    for key, value in values.items():
        if isinstance(value, dict):
            finite(value, f"{above}{key}.")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{above}{key}={value}: allowed are finite numbers")
