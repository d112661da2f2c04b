"""A finished run with its stages, read from its folder and the store; nothing is computed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from omegaconf import OmegaConf

from synth_scaling.config.load import restored
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.stage import in_round, role_of
from synth_scaling.experiment.store import SHIPPED, damage, is_complete
from synth_scaling.experiment.stored_only import NotStored, StoredOnly
from synth_scaling.system.files import read_advisory
from synth_scaling.system.jsonl import content_digest
from synth_scaling.tracking.tracker import NoTracker


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: its folder, result row, configuration, and the store of its stages."""

    folder: RunFolder
    row: dict[str, Any]
    config: Config
    store: Path

    @property
    def title(self) -> str:
        """Label, N and seed."""
        return f"{self.row['label']} N={self.row['problems']} seed={self.row['seed']}"

    @property
    def name(self) -> str:
        """The hash that names the run."""
        return str(self.row["run"])

    @property
    def commit(self) -> str | None:
        """The commit of the code that computed it; None if that is unknown."""
        environment = read_advisory(self.folder.environment, dict) or {}
        return environment.get("commit")

    @property
    def policy(self) -> Path:
        """The folder of the policy that was tested last. Raises ValueError as `stage` does."""
        return self.stage(in_round("policy", self.config.rounds.count))

    def stage(self, name: str) -> Path:
        """The folder of a stage of the run. Raises ValueError if the store does not have it, whole."""
        if (digest := self.row["hashes"].get(name)) is None:
            raise ValueError(
                f"{self.folder.path}: the run has no stage {name}; there are {', '.join(self.row['hashes'])}"
            )
        for root in (SHIPPED, self.store):
            folder = root / role_of(name).kind / digest
            if is_complete(folder):
                if (why := damage(folder)) is not None:
                    raise ValueError(why)
                return folder
        raise ValueError(f"{self.store}: stage {name} of the run ({role_of(name).kind}/{digest}) is not in the store")

    def outcome(self) -> Any:
        """The run's responses, values and rows (:class:`synth_scaling.experiment.pipeline.Outcome`).

        Raises ValueError if a stage is not stored under the name that this version of the code and packages gives it.
        """
        from synth_scaling.experiment.pipeline import run  # torch

        try:
            return run(self.config, StoredOnly(self.store), NoTracker())
        except NotStored as error:
            raise ValueError(
                f"{self.store}: {error} is not in the store under its present name: the run was computed with other"
                " versions of packages or code, or its stages were removed"
            ) from None


def read_run(folder: Path, store: Path | None = None) -> FinishedRun:
    """The finished run in OUTPUT/runs/HASH; `store` replaces the store that its configuration names.

    Raises ValueError for a folder without a finished run.
    """
    run = RunFolder(folder)
    if not run.is_done:
        runs = RunFolder.all_of(folder)
        hint = f"; it is the folder of a sweep with {len(runs)} runs: name one, such as {runs[0].path}" if runs else ""
        raise ValueError(f"{folder}: no finished run (OUTPUT/runs/HASH with DONE and row.json){hint}")
    try:
        row = json.loads(run.row.read_text(encoding="utf-8"))
        plain = OmegaConf.to_container(OmegaConf.load(run.config))
        assert isinstance(plain, dict)
        config = restored(plain)  # type: ignore[arg-type]
    except (OSError, KeyError, TypeError, AssertionError, msgspec.MsgspecError) as error:
        raise ValueError(f"{folder}: the configuration of the run cannot be read ({error})"[:300]) from None
    where = Path(config.store) if store is None else store
    if not where.is_dir():
        raise ValueError(f"{where}: no such store; --store names another")
    return FinishedRun(run, row, replace(config, store=str(where)), where)


def inputs_of(config: Config) -> dict[str, str]:
    """Digests of the files of data that the run read, by their keys."""
    paths = {"data.path": getattr(config.data, "path", ""), "data.rollouts_path": config.data.rollouts_path}
    return {key: content_digest(Path(path)) for key, path in paths.items() if path and Path(path).is_file()}
