"""The checks that the options of all tasks in words share."""

from __future__ import annotations

from typing import Any

_AT_LEAST = {
    "n_test": 1,
    "n_validation": 0,
    "max_steps": 1,
    "max_prompt_tokens": 1,
    "max_response_tokens": 1,
}


def check_common(options: Any) -> None:
    """Raises ValueError naming key, value and what is allowed."""
    for key, least in _AT_LEAST.items():
        if getattr(options, key, least) < least:
            raise ValueError(f"task.{key}={getattr(options, key)}: allowed are values of at least {least}")
    if not 0 < options.grading_bound <= 600:
        raise ValueError(f"task.grading_bound={options.grading_bound}: allowed are seconds above 0, up to 600")
    if getattr(options, "path", None) and options.hub:
        raise ValueError(f"task.hub={options.hub}: allowed is one of task.path and task.hub, and task.path is set")
    for key in ("train_parts", "test_parts"):
        if getattr(options, key, ["some"]) == []:
            raise ValueError(f"task.{key}=[]: allowed are one name or more")
