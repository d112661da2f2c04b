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

# Keys that do not change the result of a run, and are not part of its name.
NOT_HASHED = ("tracking", "output", "store", "sweep")


def run_hash(config: Config) -> str:
    """The name of a run: a hash of everything that determines its result."""
    named = without_added(resolved(config), config)
    if isinstance(config.data, JSONLDataOptions):  # the content of the file, not its path
        named["data"]["path"] = content_digest(Path(config.data.path))
    if config.data.rollouts_path:  # likewise
        named["data"]["rollouts_path"] = content_digest(Path(config.data.rollouts_path))
    named["task"] |= contents_of_files(config.task)  # likewise
    named["model"] |= contents_of_model(config.model)
    return content_hash({key: value for key, value in named.items() if key not in NOT_HASHED})


def resolved(config: Config) -> dict[str, Any]:
    """A checked configuration as plain data, with every key."""
    return asdict(config)


def run_folder(config: Config) -> RunFolder:
    """The folder that a run writes its result to."""
    return RunFolder.of(Path(config.output), run_hash(config))


def title(config: Config) -> str:
    """The title of a run, such as 'rft N=200 seed=1'."""
    return f"{config.label} N={config.data.problems} seed={config.seed}"
