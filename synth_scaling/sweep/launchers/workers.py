"""The base class of the launchers: the pickled calls that run workers, and the report of a worker that died."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from synth_scaling.core.validation import ConfigError, at_least


class WorkerDied(RuntimeError):
    """A worker ended without returning; the message names its log."""


@dataclass
class Workers:
    """Number of workers. joblib's options are accepted as well: a sweep written for joblib runs on any launcher."""

    workers: int | None = None  # [processes] that share the runs
    n_jobs: int | None = None  # joblib's name for `workers`
    batch_size: str | None = None  # joblib's; ignored

    def check(self) -> None:
        for key in ("workers", "n_jobs"):
            if getattr(self, key) is not None:
                at_least(f"hydra.launcher.{key}", getattr(self, key), 1)


class WorkersLauncher(Launcher):
    """A launcher whose jobs are the workers of a sweep, each a call that is pickled and run in another process."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra. Raises ConfigError for invalid options."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config
        self.check()

    def check(self) -> None:
        raise NotImplementedError

    def calls(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[tuple[Any, ...]]:
        """A function and its arguments for each worker."""
        from hydra_plugins.hydra_joblib_launcher._core import execute_job  # imports joblib

        run: Callable[..., JobReturn] = execute_job  # sets up Hydra in a bare process, and runs the job there
        context = (self.hydra_context, self.config, self.task_function, Singleton.get_state())
        return [(run, first + worker, list(overrides), *context) for worker, overrides in enumerate(job_overrides)]


def died(message: str) -> JobReturn:
    """The return value that stands for a worker that died."""
    return JobReturn(status=JobStatus.FAILED, _return_value=WorkerDied(message))


def needs(extra: str, module: str) -> None:
    """Raises ConfigError naming the make target that installs a launcher's `module`, if it is not installed."""
    if importlib.util.find_spec(module) is None:  # not imported: that takes seconds, and there may be nothing to launch
        raise ConfigError(f"hydra/launcher={extra}: needs {module}: run `make extra-{extra}`")
