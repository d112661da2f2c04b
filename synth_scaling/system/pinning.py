"""Exclusive cores or GPUs for each worker on one machine: `hydra.sweeper.pin=cores` or `gpus`.

For `hydra/launcher=joblib`, whose workers share a machine and its devices; Slurm and Ray allot devices themselves.
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import subprocess

from synth_scaling.core.validation import ConfigError, at_least, one_of

VISIBLE = "CUDA_VISIBLE_DEVICES"
KINDS = ("none", "cores", "gpus")


def share(devices: tuple[str, ...], each: int, worker: int) -> tuple[str, ...]:
    """The `each` devices of worker 0, 1, ...: blocks in their order, no device twice. Raises ValueError if too few."""
    block = devices[worker * each : (worker + 1) * each]
    if len(block) < each:
        raise ValueError(f"{each} of {len(devices)} devices for each of {worker + 1} workers")
    return block


def check_pins(pin: str, each: int, workers: int, launcher: str) -> None:
    """Refuse more devices than there are, and launchers that allot devices themselves. Raises ConfigError."""
    one_of("hydra.sweeper.pin", pin, KINDS)
    at_least("hydra.sweeper.devices_per_worker", each, 1)
    if pin == "none":
        return
    if launcher in ("slurm", "ray"):
        raise ConfigError(f"hydra.sweeper.pin={pin}: allowed is none; hydra/launcher={launcher} allots devices itself")
    available = len(devices(pin))
    if workers * each > available:
        raise ConfigError(
            f"hydra.sweeper.devices_per_worker={each}: {workers} workers need {workers * each} {pin}; "
            f"there are {available}"
        )


def pin_worker(pin: str, each: int, worker: int) -> None:
    """Restrict this process and its children to its share of devices. Call it before torch reads the devices."""
    if pin == "none":
        return
    mine = share(devices(pin), each, worker)
    if pin == "cores":
        os.sched_setaffinity(0, {int(core) for core in mine})
    else:
        os.environ[VISIBLE] = ",".join(mine)


@functools.cache  # as they were before this process was pinned
def devices(kind: str) -> tuple[str, ...]:
    """The cores that this process may use, or the GPUs: those that CUDA_VISIBLE_DEVICES names, or all."""
    if kind == "cores":
        return tuple(str(core) for core in sorted(os.sched_getaffinity(0)))
    if VISIBLE in os.environ:
        names = (name.strip() for name in os.environ[VISIBLE].split(","))
        return tuple(itertools.takewhile(lambda name: name not in ("", "-1"), names))  # as CUDA reads it
    if shutil.which("nvidia-smi") is None:
        return ()
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False).stdout
    return tuple(str(i) for i in range(sum(line.startswith("GPU ") for line in listed.splitlines())))
