"""Names of the files in the folder of one run, OUTPUT/runs/HASH."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synth_scaling.system.failures import FAILURE, Failure
from synth_scaling.system.files import read_advisory


@dataclass(frozen=True)
class RunFolder:
    """The folder `path` of one run. docs/explanation/sweeps.md describes the format of each file."""

    path: Path

    @staticmethod
    def of(output: Path, run: str) -> RunFolder:
        """The folder of the run with the hash `run` in the sweep's folder `output`."""
        return RunFolder(output / "runs" / run)

    @staticmethod
    def all_of(output: Path) -> list[RunFolder]:
        """The folders of all runs that were started in the sweep's folder `output`, by hash."""
        return [RunFolder(path) for path in sorted((output / "runs").glob("*")) if path.is_dir()]

    @property
    def done(self) -> Path:
        """Empty file, written last: the run has its result row."""
        return self.path / "DONE"

    @property
    def row(self) -> Path:
        return self.path / "row.json"

    @property
    def correct(self) -> Path:
        """Table with one row per test problem."""
        return self.path / "correct.parquet"

    @property
    def samples(self) -> Path:
        """Table of a few hundred responses, to read."""
        return self.path / "samples.parquet"

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def metrics(self) -> Path:
        """Points of training curves, then the numbers of the result row."""
        return self.path / "metrics.jsonl"

    @property
    def stages(self) -> Path:
        """One line when a stage is requested and one when it is complete."""
        return self.path / "stages.jsonl"

    @property
    def error(self) -> Path:
        """Traceback of a failed run."""
        return self.path / "error.txt"

    @property
    def failure_record(self) -> Path:
        """Reason of a failed run, see :meth:`failure`."""
        return self.path / FAILURE

    @property
    def attempts(self) -> Path:
        """Number of attempts in the current launch; removed when an attempt ends, unless its process is killed."""
        return self.path / "begun.json"

    @property
    def lock(self) -> Path:
        """Lease of the worker that computes the run, beside the folder."""
        return self.path.with_suffix(".lock")

    @property
    def reserve(self) -> Path:
        """A few kilobytes that a failed run frees, so that its reason can be recorded on a full disk."""
        return self.path / ".reserve"

    @property
    def is_done(self) -> bool:
        """Whether the run is complete: DONE without a readable row is not."""
        return self.done.exists() and read_advisory(self.row, dict) is not None

    def failure(self) -> Failure | None:
        """Why the run failed; None if it did not."""
        return Failure.read(self.path)


def run_locks(output: Path) -> list[Path]:
    """The leases of runs in the sweep's folder `output`, of living and dead workers."""
    return sorted((output / "runs").glob("*.lock"))
