"""A small sweep that is launched for real, and how two of its results are compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SWEEP = """\
defaults:
  - config
  - override engine: transformers
  - _self_
  - override /hydra/sweeper: grid
  - override /hydra/launcher: joblib
sweep: small
task: {side: 6, min_distance: 2, max_distance: 5, n_test: 40, n_validation: 40, habit_share: 0.1}
model: {layers: 2, feedforward: 64, pretrain_documents: 8000}
data: {problems: 24, rollouts: 4, positives: 2, negatives: 2}
credit: {rollouts: 2}
rollout_policy: {epochs: 6, learning_rate: 2e-3}
trainer: {batch_size: 8, logging_steps: 2}
engine: {max_num_seqs: 256, max_batched_tokens: 4096}
hydra:
  mode: MULTIRUN
  sweep: {dir: "${output}"}
  launcher: {n_jobs: 2, batch_size: "1"}
  sweeper:
    params: {method: "sft,rft,step_dpo", method.epochs: "2", seed: range(2)}
"""


class Small:
    """The small sweep in a folder: how it is launched, and what is there afterwards.

    Its engine starts at once; where vLLM's start matters, the words of a launch are `VLLM`.
    """

    def __init__(self, folder: Path, store: Path | None = None) -> None:
        self.folder, self.output, self.store = folder, folder / "out", store or folder / "store"
        (folder / "sweeps").mkdir(parents=True, exist_ok=True)
        (folder / "sweeps" / "small.yaml").write_text(SWEEP)

    def begin(self, *words: str) -> subprocess.Popen:
        """Launch it in a session of its own; what it says goes to `log.txt`."""
        command = [
            sys.executable,
            "-m",
            "synth_scaling",
            "--config-dir",
            str(self.folder / "sweeps"),
            "--config-name",
            "small",
        ]
        command += [f"output={self.output}", f"store={self.store}", "tracking=none", *words]
        with open(self.folder / "log.txt", "ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env=os.environ | ENVIRONMENT
            )

    def run(self, *words: str) -> int:
        return self.begin(*words).wait()

    def log(self) -> str:
        file = self.folder / "log.txt"
        return file.read_text(errors="replace") if file.is_file() else ""  # before the first launch

    def files(self) -> int:
        """The number of files and folders. Folders may be renamed meanwhile, which os.walk passes over."""
        walks = (os.walk(root) for root in (self.output, self.store))
        return sum(len(folders) + len(files) for walk in walks for _, folders, files in walk)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Result rows by run, without what depends on the clock and on the machine's other work."""
        actual = {}
        for file in sorted(self.output.glob("runs/*/row.json")):
            row = json.loads(file.read_text())
            actual[row["run"]] = {key: without_clock(value) for key, value in row.items() if key != "seconds"}
        return actual

    def answers(self) -> dict[str, bytes]:
        return {file.parent.name: file.read_bytes() for file in self.output.glob("runs/*/correct.parquet")}

    def made(self) -> Counter[str]:
        """The number of times that each stage was completed."""
        lines = (self.store / "made.jsonl").read_text().splitlines()
        return Counter(json.loads(line)["hash"] for line in lines)

    def leftovers(self) -> list[Path]:
        """Markers, half-made folders and temporary files."""
        places = [*self.store.glob("*/*"), *self.output.rglob("*")]
        return [path for path in places if ".lock" in path.name or ".partial" in path.name or path.name[0] == "."]


VLLM = ("engine=vllm",)
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
CLOCK = {"wall_seconds", "device_seconds", "peak_memory", "peak_device_memory", "seconds"}


def without_clock(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_clock(inner) for key, inner in value.items() if key not in CLOCK}
    return value


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small sweep from an empty store, in one go."""
    small = Small(tmp_path_factory.mktemp("undisturbed"))
    assert small.run() == 0, small.log()
    return small


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Small]:
    """Further ones, in folders of their own."""
    return lambda name="again", store=None: Small(tmp_path / name, store)
