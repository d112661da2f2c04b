"""The rules that the options of all tasks in words share."""

from __future__ import annotations

import math
from typing import Any

from synth_scaling.core.validation import ConfigError, at_least, between

_AT_LEAST = {
    "n_test": 1,
    "n_validation": 0,
    "max_steps": 1,
    "max_prompt_tokens": 1,
    "max_response_tokens": 1,
}


def check_common(options: Any) -> None:
    """Refuse options that cannot be. Raises ConfigError."""
    for key, least in _AT_LEAST.items():
        at_least(f"task.{key}", getattr(options, key, least), least)
    between("task.grading_bound", options.grading_bound, math.ulp(0.0), 600, "seconds above 0, up to 600")
    if getattr(options, "path", None) and options.hub:
        raise ConfigError(f"task.hub={options.hub}: allowed is one of task.path and task.hub, and task.path is set")
    for key in ("train_parts", "test_parts"):
        if getattr(options, key, ["some"]) == []:
            raise ConfigError(f"task.{key}=[]: allowed are one name or more")
