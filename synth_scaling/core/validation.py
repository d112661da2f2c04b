"""Range checks of options. Each raises ConfigError with one line for the user: key=value: allowed are ..."""

from __future__ import annotations

import math
from typing import Any

from synth_scaling.core.suggestions import did_you_mean


class ConfigError(ValueError):
    """A configuration that cannot run; the message is one line for its user."""


def at_least(key: str, value: float, least: float) -> None:
    if not value >= least:
        raise ConfigError(f"{key}={value}: allowed are values of at least {least}")


def at_most(key: str, value: float, most: float) -> None:
    if not value <= most:
        raise ConfigError(f"{key}={value}: allowed are values up to {most}")


def above_zero(key: str, value: float) -> None:
    if not value > 0:
        raise ConfigError(f"{key}={value}: allowed are values above 0")


def between(key: str, value: float, low: float, high: float, words: str) -> None:
    """Both ends are allowed; `words` say so in the message."""
    if not low <= value <= high:
        raise ConfigError(f"{key}={value}: allowed are {words}")


def share(key: str, value: float) -> None:
    between(key, value, 0.0, 1.0, "shares from 0 to 1")


def filled(key: str, value: str) -> None:
    if not value.strip():
        raise ConfigError(f"{key}={value}: allowed is a text that is not empty")


def one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{key}={value}: allowed are {', '.join(allowed)}{did_you_mean(value, allowed)}")


def finite(values: dict[str, Any], above: str = "") -> None:
    """Check every number of nested plain data; the message has the dotted key of one that is not finite."""
    for key, value in values.items():
        if isinstance(value, dict):
            finite(value, f"{above}{key}.")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{above}{key}={value}: allowed are finite numbers")
