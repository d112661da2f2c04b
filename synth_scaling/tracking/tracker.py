"""Weights & Biases, or nothing: one object that the experiment tells what happens.

A run's own W&B run (job type `run`) starts when its policy begins to be made, or when it ends: until then it may be set
aside and begun again. A stage before that which is trained here has one of its own meanwhile (job type `stage`).

A W&B run that is finished holds all that `analysis` reads of a run, so that `python -m analysis pull` gets it back: its
summary has the fields of the result row, its configuration is the row's, its table `correct` is correct.parquet.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from synth_scaling.config.naming import resolved, title
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.stage import StageResult
from synth_scaling.core.validation import one_of
from synth_scaling.tracking.wandb_run import MODES, WandbRun


class NoTracker:
    """Tracks nothing; the base of the one that does."""

    def stage(self, name: str, result: StageResult | None) -> None:
        """A stage of the run is looked for (None), or there."""

    def making(self, stage: str, digest: str) -> contextlib.AbstractContextManager[None]:
        """While this process makes the stage, `stage` by its name in the run and `digest` by its hash."""
        return contextlib.nullcontext()

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        """A point of a training curve; `point["step"]` is its optimiser step."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table to look at."""

    def finish(self, row: Mapping[str, Any] | None) -> None:
        """The run is over, with its result row or without one."""


class WandbTracker(NoTracker):
    """The W&B run of a run, and those of the stages that are trained for it."""

    def __init__(self, config: Config, run: str, folder: Path) -> None:
        self.config, self.run, self.folder = config, run, folder
        self.kept: list[tuple[str, Mapping[str, float]]] = []  # points of curves until the run's own W&B run starts
        self.own: WandbRun | None = None
        self.making_now: tuple[str, str] | None = None
        self.shown: WandbRun | None = None

    @contextlib.contextmanager
    def making(self, stage: str, digest: str) -> Iterator[None]:
        if stage == "policy":
            self._opened()
            yield
            return
        self.making_now, code = (stage, digest), 1
        try:
            yield
            code = 0
        finally:
            if self.shown is not None:
                self.shown.finish(code)
            self.making_now = self.shown = None

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        if self.making_now is not None:
            assert self.making_now[0] == stage, f"a point of {stage} while {self.making_now[0]} is made"
            self.shown = self.shown or self._stage_run(*self.making_now)
            self.shown.curve(stage, point)
        if self.own is None:
            self.kept.append((stage, point))
        else:
            self.own.curve(stage, point)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self._opened().table(name, columns, rows)

    def finish(self, row: Mapping[str, Any] | None) -> None:
        own, answers = self._opened(), RunFolder(self.folder).correct
        if row is not None:
            if answers.is_file():
                columns = pq.read_table(answers).to_pydict()
                own.table("correct", list(columns), list(zip(*columns.values(), strict=True)))
            own.summary({key: value for key, value in row.items() if key != "config"})
        own.finish(0 if row is not None else 1)

    def _opened(self) -> WandbRun:
        if self.own is None:
            c = self.config
            tags = (c.task.name, c.method.name, c.figure, c.model.name)
            self.own = self._run("run", self.run, title(c), tags, resolved(c))
            for stage, point in self.kept:
                self.own.curve(stage, point)
        return self.own

    def _stage_run(self, stage: str, digest: str) -> WandbRun:
        c, every = self.config, resolved(self.config)
        told = {key: every[key] for key in ("task", "model", "trainer")} | {"stage": stage, "hash": digest}
        tags = (c.task.name, stage, c.model.name)
        return self._run("stage", digest, f"{stage} {digest}", tags, told)

    def _run(self, job_type: str, digest: str, name: str, tags: Sequence[str], config: Mapping[str, Any]) -> WandbRun:
        c = self.config
        return WandbRun(c.tracking, self.folder, c.sweep, job_type, digest, name=name, tags=tags, config=config)


def start_tracker(config: Config, run: str, folder: Path) -> NoTracker:
    """The tracker that `tracking` names, of the run with the hash `run`. Raises ConfigError for another WANDB_MODE."""
    if config.tracking.name == "none":
        return NoTracker()
    one_of("WANDB_MODE", os.environ.get("WANDB_MODE") or "online", MODES)
    return WandbTracker(config, run, folder)
