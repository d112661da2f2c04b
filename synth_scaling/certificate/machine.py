"""The machine that a check ran on."""

from __future__ import annotations

import os
import platform

import psutil

from synth_scaling.certificate.part import Measures, Setup
from synth_scaling.system.environment import environment


def describe(setup: Setup) -> Measures:
    """Device, its memory and compute capability, the host, and the packages that matter."""
    import torch

    host: dict[str, float | int | str | bool] = {
        "cores": os.cpu_count() or 0,
        "host_gib": psutil.virtual_memory().total / 2**30,
        "system": platform.platform(),
        **environment()["packages"],
    }
    if not setup.cuda:
        return {"device": "CPU", **host}
    device = torch.cuda.get_device_properties(0)
    return {
        "device": device.name,
        "device_gib": device.total_memory / 2**30,
        "compute_capability": f"{device.major}.{device.minor}",
        "cuda": str(torch.version.cuda),
        **host,
    }
