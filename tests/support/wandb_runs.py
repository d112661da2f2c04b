"""W&B runs for tests: recorded offline, and read back from their files.

wandb 0.31 has no reader of its own .wandb files in Python any more.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import wandb
from hydra import compose, initialize_config_dir
from wandb.proto.wandb_internal_pb2 import Record

from synth_scaling.config.load import typed
from synth_scaling.config.naming import resolved, run_hash
from synth_scaling.config.schema import Config, register_schemas
from synth_scaling.config.search_path import configs
from synth_scaling.sweep.sweeper import register_sweeper
from synth_scaling.tracking.tracker import WandbTracker

MAZE = Path(__file__).parents[2] / "results" / "maze"


@dataclass(frozen=True)
class Offline:
    """The records of one offline run.

    Attributes:
        run: id, project, group, job type and name, as the record of the run's start has them.
        config, summary, history: as W&B would show them, nested where their keys are; one dictionary a step of history.
        axes: metric -> the metric that it is drawn against.
        exit_codes: of every time that it was finished.
        files: the folder of the files that it uploads, such as media/table/….
    """

    run: Any
    config: dict[str, Any]
    summary: dict[str, Any]
    history: list[dict[str, Any]]
    axes: dict[str, str]
    exit_codes: list[int]
    files: Path

    def table(self, name: str) -> dict[str, Any]:
        """A logged table as its file has it: columns, data."""
        text = (self.files / self.summary[name]["path"]).read_text(encoding="utf-8")
        actual: dict[str, Any] = json.loads(text)
        return actual


def configuration(**settings: Any) -> Config:
    """A maze run's configuration, tracked offline; `__` in a name stands for a dot."""
    register_schemas()
    register_sweeper()
    overrides = [f"{name.replace('__', '.')}={value}" for name, value in settings.items()]
    with initialize_config_dir(str(configs("conf").resolve()), version_base="1.3"):
        return typed(compose("config", ["tracking.mode=offline", *overrides]))


def tracked(row: dict[str, Any], answers: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Track a run of the maze study in `folder` as `results.run_once` does: curve, answers and row. Returns the row.

    The row is named, and its configuration is, as today's code would.
    """
    config = configuration(
        method=row["method"], seed=row["seed"], data__problems=row["problems"], sweep=row["sweep"], figure=row["figure"]
    )
    settings = {key: value for key, value in resolved(config).items() if key not in ("output", "store")}
    row = row | {"run": run_hash(config), "config": settings, "label": config.label}
    tracker = WandbTracker(config, row["run"], folder)
    tracker.curve("policy", {"step": 1, "loss": 0.5})
    answers.to_parquet(folder / "correct.parquet", index=False)
    tracker.finish(row)
    return row


def offline(folder: Path) -> Offline:
    """The one offline run in `folder`."""
    (actual,) = offline_runs(folder)
    return actual


def offline_runs(folder: Path) -> list[Offline]:
    """Every offline run in `folder` and below, oldest first. Ends W&B's service first, which writes their files."""
    wandb.teardown()
    files = folder.rglob("wandb/offline-run-*/*.wandb")
    return [_read(file) for file in sorted(files, key=lambda file: file.parent.name)]


def _read(file: Path) -> Offline:
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    axes: dict[str, str] = {}
    runs, exit_codes = [], []
    for record in _records(file):
        match record.WhichOneof("record_type"):
            case "run":
                runs.append(record.run)
                _set(config, record.run.config.update)
            case "config":
                _set(config, record.config.update)
            case "summary":
                _set(summary, record.summary.update)
            case "history":
                history.append({})
                _set(history[-1], record.history.item)
            case "metric":
                axes[record.metric.name or record.metric.glob_name] = record.metric.step_metric
            case "exit":
                exit_codes.append(record.exit.exit_code)
    return Offline(runs[0], config, summary, history, axes, exit_codes, file.parent / "files")


def _set(values: dict[str, Any], items: Any) -> None:
    for item in items:
        *above, last = list(item.nested_key) or [item.key]
        place = values
        for key in above:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)


def _records(file: Path) -> Iterator[Record]:
    """Records of a .wandb file: a 7-byte head, then LevelDB's log format: checksum, length, kind; 32-KiB blocks."""
    data, position, parts = file.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while position < len(data):
        if 32768 - position % 32768 < 7:
            position += 32768 - position % 32768
            continue
        length, kind = struct.unpack("<HB", data[position + 4 : position + 7])
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(parts)
            yield record
            parts = b""
