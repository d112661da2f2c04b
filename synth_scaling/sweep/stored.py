"""Names of the stages of a run that are stored already, without computing any."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from synth_scaling.config.naming import run_folder
from synth_scaling.config.schema import Config
from synth_scaling.core.hashing import key_of
from synth_scaling.core.stage import StageResult
from synth_scaling.experiment.store import SHIPPED
from synth_scaling.experiment.stored_only import NotStored, StoredOnly
from synth_scaling.models.options import TinyOptions
from synth_scaling.tracking.tracker import NoTracker
from synth_scaling.training.options import pretraining_options


class StoredStages:
    """Finds stages in the store at `root` and among those that come with the package.

    With `exact` the pipeline is followed to the first stage that is missing, so stages that other sweeps computed
    count, too; that imports torch if the store has a policy. Without it only the records of earlier launches are read.
    """

    def __init__(self, root: Path, exact: bool) -> None:
        self.root, self.exact = root, exact

    def names(self, config: Config) -> set[str]:
        """Names of the stages of a run that are stored."""
        names = self._recorded(config)
        if self.has_base(config):
            names.add("base")
        if self.exact and "policy" in self._hashes:
            names |= _followed(config, self.root)
        return names

    @cached_property
    def _hashes(self) -> dict[str, set[str]]:
        """Hashes of the complete stages, by kind."""
        hashes: dict[str, set[str]] = {}
        for file in self.root.glob("*/*/stage.json"):
            hashes.setdefault(file.parent.parent.name, set()).add(file.parent.name)
        return hashes

    @cached_property
    def _bases(self) -> list[Mapping[str, Any]]:
        """The key of each stored base model, from its manifest."""
        files = [file for root in (SHIPPED, self.root) for file in root.glob("base/*/stage.json")]
        manifests = _objects(file.read_text(encoding="utf-8") for file in files)
        return [manifest["key"] for manifest in manifests if isinstance(manifest.get("key"), dict)]

    def _recorded(self, config: Config) -> set[str]:
        """Stages that an unfinished run of this configuration has reached, as far as they are stored."""
        try:
            text = run_folder(config).stages.read_text(encoding="utf-8")
        except (OSError, ValueError):  # ValueError: a file that the name of the run depends on is missing
            return set()
        stored = set().union(*self._hashes.values())
        return {line["stage"] for line in _objects(text.splitlines()) if line.get("hash") in stored and "stage" in line}

    def has_base(self, config: Config) -> bool:
        """Whether the base model that this run would pretrain is stored."""
        if not isinstance(config.model, TinyOptions):
            return False
        trainer = pretraining_options(config.trainer)
        wanted = {
            "task": key_of(config.task),
            "model": key_of(config.model),
            "trainer": key_of(trainer),
            "threads": config.threads,
            **{package: _version(package) for package in ("torch", "transformers", "trl")},
        }
        return any(all(key.get(name) == value for name, value in wanted.items()) for key in self._bases)


def _objects(texts: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The JSON objects among `texts`; lines that a killed process left unfinished are skipped."""
    for text in texts:
        with contextlib.suppress(ValueError):
            value = json.loads(text)
            if isinstance(value, dict):
                yield value


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _followed(config: Config, root: Path) -> set[str]:
    """Stages of the pipeline up to the first one that is not stored."""
    from synth_scaling.experiment.pipeline import run  # torch and transformers

    names = _Names()
    with contextlib.suppress(NotStored, ValueError, OSError):  # a run that will fail reports that when it starts
        run(config, StoredOnly(root), names)
    return names.stages


class _Names(NoTracker):
    """Collects the names of the stages that a run got from its store."""

    def __init__(self) -> None:
        self.stages: set[str] = set()

    def stage(self, name: str, result: StageResult | None) -> None:
        if result is not None:
            self.stages.add(name)
