"""`hydra/launcher=ray`: a sweep's workers as Ray tasks, on a cluster by its address or on a Ray started here."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from synth_scaling.core.validation import ConfigError, at_least, between
from synth_scaling.sweep.launchers.workers import Workers, WorkersLauncher, died, needs
from synth_scaling.system.pinning import devices

TARGET = "hydra_plugins.synth_scaling_ray.RayLauncher"


@dataclass
class RayLauncherConf(Workers):
    _target_: str = TARGET
    address: str | None = None  # of a running cluster, or "auto"; null: a Ray is started for this launch
    num_cpus: float = 1  # [cores] of each worker
    num_gpus: float = 0  # [GPUs] of each worker
    runtime_env: dict[str, Any] = field(default_factory=dict)  # as ray.init takes it: env_vars, working_dir, pip


class RayLauncher(WorkersLauncher):
    def __init__(self, **options: Any) -> None:
        self.options = RayLauncherConf(_target_=TARGET, **options)

    def check(self) -> None:
        self.options.check()
        at_least("hydra.launcher.num_cpus", self.options.num_cpus, 0)
        at_least("hydra.launcher.num_gpus", self.options.num_gpus, 0)
        if self.options.address is None:  # Ray would wait without a limit for resources that this machine lacks
            there = {"num_cpus": os.cpu_count() or 1, "num_gpus": len(devices("gpus")) if self.options.num_gpus else 0}
            for key, most in there.items():
                words = f"up to {most}, which this machine has"
                between(f"hydra.launcher.{key}", getattr(self.options, key), 0, most, words)
        needs("ray", "ray")

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        import ray

        o = self.options
        runtime_env: Any = OmegaConf.to_container(OmegaConf.create(o.runtime_env), resolve=True)
        # Without a dashboard: `python -m synth_scaling.status` shows the runs.
        local: dict[str, Any] = {} if o.address else {"include_dashboard": False}
        try:
            ray.init(address=o.address or "local", runtime_env=runtime_env, logging_level=logging.ERROR, **local)
        except ConnectionError:
            wanted = "the address of a running Ray; RAY_AUTH_MODE=token if it was started with a token"
            raise ConfigError(f"hydra.launcher.address={o.address}: allowed is {wanted}") from None
        try:
            # Ray does not restart a worker that dies: the sweeper starts workers for the remaining runs.
            task = ray.remote(num_cpus=o.num_cpus, num_gpus=o.num_gpus, max_retries=0)(in_folder)
            calls = self.calls(job_overrides, initial_job_idx)
            process = (os.getcwd(), os.environ.get("OMP_NUM_THREADS"))
            refs = [task.options(name=f"worker {n}").remote(*process, *call) for n, call in enumerate(calls)]
            print(f"ray: {len(refs)} workers at {ray.get_runtime_context().gcs_address}", flush=True)
            return [result(worker, ref) for worker, ref in enumerate(refs)]
        finally:
            ray.shutdown()


def in_folder(folder: str, threads: str | None, run: Callable[..., JobReturn], *arguments: Any) -> JobReturn:
    """Run a call as in the launching process: in its working folder, and with its number of threads.

    Ray sets OMP_NUM_THREADS to the worker's CPUs, and the number of threads decides the last bits of a sum.
    """
    os.chdir(folder)
    os.environ.pop("OMP_NUM_THREADS", None)
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = threads
    return run(*arguments)


def result(worker: int, ref: Any) -> JobReturn:
    """Wait for a worker; its return value, or a failed one if it died."""
    import ray

    try:
        return ray.get(ref)
    except ray.exceptions.RayError as error:
        return died(f"ray worker {worker} died: {str(error).strip().splitlines()[0]}")
