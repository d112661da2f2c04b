"""The devices that a configuration is written for: GPUs, or a CPU."""

from __future__ import annotations

from collections.abc import Iterable

from synth_scaling.config.schema import Config
from synth_scaling.core.validation import ConfigError
from synth_scaling.sampling.options import check_engine_gpus, engine_gpus
from synth_scaling.system.pinning import devices

LOCAL = ("basic", "joblib")  # launchers whose workers run on this machine


def gpus_of(config: Config) -> int:
    """GPUs that a run uses at a time, for sampling or for training; 0 for a run on a CPU."""
    engine = engine_gpus(config.engine)
    return max(engine, config.trainer.num_processes) if engine else 0


def check_gpus(config: Config, available: int) -> None:
    """Refuse a configuration that needs more GPUs than are `available`. Raises ConfigError."""
    check_engine_gpus(config.engine, available)
    if engine_gpus(config.engine) and config.trainer.num_processes > available:
        raise ConfigError(
            f"trainer.num_processes={config.trainer.num_processes}: allowed are up to {available}, one per GPU of this "
            "machine"
        )


def missing_gpus(configs: Iterable[Config], launcher: str, per_worker: int | None = None) -> str | None:
    """Why a launch cannot have the GPUs that its runs need, in one line; None if it can, or if it runs elsewhere.

    `per_worker` are the GPUs that a worker is restricted to; None: all of this machine.
    """
    if launcher not in LOCAL:
        return None  # each worker counts the GPUs of its machine when it starts an engine
    available = len(devices("gpus")) if per_worker is None else per_worker
    for config in configs:
        try:
            check_gpus(config, available)
        except ConfigError as error:
            return str(error)
    return None
