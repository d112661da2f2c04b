"""No secret enters a configuration: it is stored beside the runs and in the plan, printed in logs and sent to W&B."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synth_scaling.core.validation import ConfigError
from synth_scaling.system.masking import has_login, masked, names_a_secret, secret_variable_in

_STORED = "configurations are stored and shown"


def check_secrets(config: Mapping[str, Any]) -> None:
    """Refuse a key that names a secret, an address with a login, and the value of a secret environment variable.

    Raises ConfigError, which does not repeat the secret.
    """
    for key, text in _texts(config):
        if text and names_a_secret(key):
            raise ConfigError(f"{key}=***: {_STORED}; allowed is no secret but the name of an environment variable")
        if has_login(text):
            raise ConfigError(f"{key}={masked(text)}: {_STORED}; allowed are addresses without a user or password")
        if (variable := secret_variable_in(text)) is not None:
            raise ConfigError(f"{key}=***: {_STORED}; allowed is no text with the value of {variable}")


def _texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in plain containers, with its dotted key."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, str):
        yield key, node
    elif isinstance(node, Sequence):
        for value in node:
            yield from _texts(value, key)
