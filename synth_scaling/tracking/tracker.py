"""Tracking by Weights & Biases, or none: an object that receives the events of a run.

The W&B run of a run (job type `run`) starts when its policy is computed, or when the run ends: until then the run may
be deferred and started again. A stage that is trained before has a W&B run of job type `stage`. The curve of the base
is in that one alone: all runs of a sweep share the base.

A finished run has one point of `result/error` at `result/N`, so the workspace draws error against N, grouped by label,
while a sweep is running.

A finished W&B run contains everything that `analysis` reads of a run, and `python -m analysis pull` restores it: its
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
from synth_scaling.core.stage import StageResult, in_round
from synth_scaling.core.validation import one_of
from synth_scaling.tracking.wandb_run import MODES, WandbRun


class NoTracker:
    """Ignores all events; base class of trackers."""

    def stage(self, name: str, result: StageResult | None) -> None:
        """A stage is requested (`result` is None), or complete."""

    def computing(self, stage: str, digest: str) -> contextlib.AbstractContextManager[None]:
        """Context in which this process computes the stage `stage` with the hash `digest`."""
        return contextlib.nullcontext()

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        """A point of a stage's training curve; `point["step"]` is the optimiser step."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table for inspection."""

    def finish(self, row: Mapping[str, Any] | None) -> None:
        """The run has ended, with its result row, or None if it failed."""


class WandbTracker(NoTracker):
    """Tracks a run, and the stages that are trained for it, as W&B runs."""

    def __init__(self, config: Config, run: str, folder: Path) -> None:
        self.config, self.run, self.folder = config, run, folder
        self.buffer: list[tuple[str, Mapping[str, float]]] = []  # points of curves until the W&B run starts
        self.wandb_run: WandbRun | None = None
        self.training: tuple[str, str] | None = None  # name and hash of the stage being computed
        self.stage_run: WandbRun | None = None

    @contextlib.contextmanager
    def computing(self, stage: str, digest: str) -> Iterator[None]:
        if stage == in_round("policy", self.config.rounds.count):
            self._opened()
            yield
            return
        self.training, code = (stage, digest), 1
        try:
            yield
            code = 0
        finally:
            if self.stage_run is not None:
                self.stage_run.finish(code)
            self.training = self.stage_run = None

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        if self.training is not None:
            assert self.training[0] == stage, f"a point of {stage} while {self.training[0]} is computed"
            self.stage_run = self.stage_run or self._stage_run(*self.training)
            self.stage_run.curve(stage, charted(point))
        if stage == "base":
            return
        if self.wandb_run is None:
            self.buffer.append((stage, point))
        else:
            self.wandb_run.curve(stage, charted(point))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self._opened().table(name, columns, rows)

    def finish(self, row: Mapping[str, Any] | None) -> None:
        wandb_run, answers = self._opened(), RunFolder(self.folder).correct
        if row is not None:
            if answers.is_file():
                columns = pq.read_table(answers).to_pydict()
                wandb_run.table("correct", list(columns), list(zip(*columns.values(), strict=True)))
            if point := result_point(row):
                wandb_run.curve("result", point, axis="N")
            wandb_run.summary({key: value for key, value in row.items() if key != "config"})
        wandb_run.finish(0 if row is not None else 1)

    def _opened(self) -> WandbRun:
        if self.wandb_run is None:
            c = self.config
            tags = (c.task.name, c.method.name, c.figure, c.model.name)
            self.wandb_run = self._run("run", self.run, title(c), tags, resolved(c))
            for stage, point in self.buffer:
                self.wandb_run.curve(stage, charted(point))
        return self.wandb_run

    def _stage_run(self, stage: str, digest: str) -> WandbRun:
        c, plain = self.config, resolved(self.config)
        config = {key: plain[key] for key in ("task", "model", "trainer")} | {"stage": stage, "hash": digest}
        tags = (c.task.name, stage, c.model.name)
        return self._run("stage", digest, f"{stage} {digest}", tags, config)

    def _run(self, job_type: str, digest: str, name: str, tags: Sequence[str], config: Mapping[str, Any]) -> WandbRun:
        c = self.config
        return WandbRun(c.tracking, self.folder, c.sweep, job_type, digest, name=name, tags=tags, config=config)


def charted(point: Mapping[str, float]) -> Mapping[str, float]:
    """A point of a training curve; of a preference method, with the margin of the log-probabilities beside them."""
    if {"logps/chosen", "logps/rejected"} <= set(point):
        return {**point, "logps/margin": point["logps/chosen"] - point["logps/rejected"]}
    return point


def result_point(row: Mapping[str, Any]) -> dict[str, float]:
    """The errors of a result row at its N; {} for a row without them."""
    if row.get("error") is None or row.get("problems") is None:
        return {}
    errors = {name: row[name] for name in ("error", "sampled_error", "base_error") if row.get(name) is not None}
    return {"N": row["problems"], **errors}


def start_tracker(config: Config, run: str, folder: Path) -> NoTracker:
    """The tracker that `tracking` names, of the run with the hash `run`. Raises ConfigError for another WANDB_MODE."""
    if config.tracking.name == "none":
        return NoTracker()
    one_of("WANDB_MODE", os.environ.get("WANDB_MODE") or "online", MODES)
    return WandbTracker(config, run, folder)
