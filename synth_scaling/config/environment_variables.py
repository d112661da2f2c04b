"""The resolver `${oc.env:NAME}` of configuration files, for the environment variables that the user allows.

A sweep file that somebody else wrote could otherwise put any of them, keys of services among them, into a label, and so
into files, logs and W&B.
"""

from __future__ import annotations

import os

from omegaconf import OmegaConf

from synth_scaling.core.validation import ConfigError

ALLOWED = "SYNTH_SCALING_ENV"  # names, separated by commas, that configuration files may read


def register_environment_resolver() -> None:
    """Replace OmegaConf's resolver by :func:`variable`."""
    OmegaConf.register_new_resolver("oc.env", variable, replace=True)


def variable(name: str, default: str | None = None) -> str | None:
    """The value of environment variable `name`, else `default`.

    Raises ConfigError for a name that is not allowed, and for one that is not set and has no default.
    """
    allowed = [word.strip() for word in os.environ.get(ALLOWED, "").split(",") if word.strip()]
    if name not in allowed:
        names = ", ".join(allowed) or "none"
        raise ConfigError(
            f"${{oc.env:{name}}}: allowed are the environment variables named in {ALLOWED}, now {names}; "
            f"to allow it: {ALLOWED}={','.join([*allowed, name])}"
        )
    if name not in os.environ and default is None:
        raise ConfigError(f"${{oc.env:{name}}}: the environment variable is not set; allowed is a value or a default")
    return os.environ.get(name, default)
