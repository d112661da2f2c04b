"""Weights & Biases, or nothing: one object that the experiment tells what happens.

Without a key the run is recorded offline. A tracker may fail when it starts, never later.

A W&B run that is finished holds all that `analysis` reads of a run, so that `python -m analysis pull` gets it back: its
summary has the fields of the result row, its configuration is the row's, its table `correct` is correct.parquet.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from synth_scaling.config import Config, resolved
from synth_scaling.store import StageResult


class NoTracker:
    """Tracks nothing; the base of the one that does."""

    def stage(self, name: str, result: StageResult | None) -> None:
        """A stage of the run is looked for (None), or there."""

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        """A point of a training curve; `point["step"]` is its optimiser step."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table to look at."""

    def finish(self, row: Mapping[str, Any] | None) -> None:
        """The run is over, with its result row or without one."""


class WandbTracker(NoTracker):
    """One W&B run, finished inside each job so that the runs of a sweep are not merged."""

    def __init__(self, config: Config, run: str, folder: Path) -> None:
        import wandb

        self.wandb = wandb
        self.folder = folder
        self.defined: set[str] = set()  # stages whose curves have their own x-axis
        self.run = wandb.init(
            project=config.tracking.project,
            id=run,
            name=f"{config.label} N={config.data.problems} seed={config.seed}",
            group=config.sweep,
            job_type="run",
            config=resolved(config),
            dir=str(folder),
            mode=_mode(config.tracking.mode),
            resume="allow",
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True),
        )

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        if stage not in self.defined:
            self.defined.add(stage)
            self.run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
        self.run.log({f"{stage}/{name}": value for name, value in point.items()})

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.run.log({name: self.wandb.Table(columns=list(columns), data=[list(row) for row in rows])})

    def finish(self, row: Mapping[str, Any] | None) -> None:
        if row is not None:
            answers = self.folder / "correct.parquet"
            if answers.is_file():
                columns = pq.read_table(answers).to_pydict()
                self.table("correct", list(columns), list(zip(*columns.values(), strict=True)))
            self.run.summary.update({key: value for key, value in row.items() if key != "config"})
        self.run.finish(exit_code=0 if row is not None else 1)


def _mode(mode: str) -> Any:
    if mode != "auto":
        return mode
    return "online" if os.environ.get("WANDB_API_KEY") else "offline"


def start_tracker(config: Config, run: str, folder: Path) -> NoTracker:
    """The tracker that `tracking` names."""
    return NoTracker() if config.tracking.name == "none" else WandbTracker(config, run, folder)
