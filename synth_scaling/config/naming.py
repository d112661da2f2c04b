"""A run's hash, title and output folder, all derived from its configuration."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.hashing import content_hash, without_added
from synth_scaling.data.options import JSONLDataOptions
from synth_scaling.models.options import contents_of_model
from synth_scaling.system.jsonl import content_digest
from synth_scaling.tasks.sources import contents_of_files

# What does not change the result of a run, and so not its name.
NOT_HASHED = ("tracking", "output", "store", "sweep")


def run_hash(config: Config) -> str:
    """The name of a run: the hash of everything that determines its result."""
    named = without_added(resolved(config), config)
    if isinstance(config.data, JSONLDataOptions):  # what is in the file, not where it lies
        named["data"]["path"] = content_digest(Path(config.data.path))
    named["task"] |= contents_of_files(config.task)  # the same
    named["model"] |= contents_of_model(config.model)
    return content_hash({key: value for key, value in named.items() if key not in NOT_HASHED})


def resolved(config: Config) -> dict[str, Any]:
    """Every key of a configuration that :func:`typed` made, with its value, as plain data."""
    return asdict(config)


def run_folder(config: Config) -> RunFolder:
    """The folder that a run writes its result to."""
    return RunFolder.of(Path(config.output), run_hash(config))


def title(config: Config) -> str:
    """A run in words, 'rft N=200 seed=1'."""
    return f"{config.label} N={config.data.problems} seed={config.seed}"
