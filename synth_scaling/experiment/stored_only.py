"""A store that computes nothing: the pipeline is followed as far as its stages are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.experiment.store import Store


class NotStored(Exception):
    """A stage is missing; the message names its kind."""


class StoredOnly(Store):
    """A store that computes nothing. Raises NotStored for a stage that it does not have."""

    def stage(
        self,
        name: str,
        key: Mapping[str, Any],
        make: Callable[[Path], tuple[Cost, Mapping[str, Any]]],
        wait: bool | None = None,
    ) -> StageResult:
        """The stored result of the stage."""
        if (stored := self.stored(name, key)) is not None:
            return stored
        raise NotStored(f"a stage of kind {name}")
