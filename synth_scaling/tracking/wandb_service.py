"""Shutdown of W&B's service process, which W&B would await without a limit while its server does not answer."""

from __future__ import annotations

import atexit
import contextlib

import psutil

PATIENCE = 5  # [s] between SIGTERM and SIGKILL


def close_service() -> None:
    """End the service that W&B started for this process, with SIGTERM and then SIGKILL.

    Call it without open runs: the data of finished ones is on disk, and on the server if that answered in time.
    """
    import wandb

    with contextlib.suppress(psutil.NoSuchProcess):
        services = [child for child in psutil.Process().children() if child.name().startswith("wandb-core")]
        for service in services:
            service.terminate()
        for service in psutil.wait_procs(services, PATIENCE)[1]:
            service.kill()
    with contextlib.suppress(Exception, SystemExit):  # W&B's errors about the missing service
        wandb.teardown()


def close_service_at_exit() -> None:
    """Register :func:`close_service` once, to run at exit before W&B's handler, which waits for the service."""
    atexit.unregister(close_service)
    atexit.register(close_service)
