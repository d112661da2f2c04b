"""The end of W&B's service process. W&B waits for it without a bound, and it for a server that may not answer."""

from __future__ import annotations

import atexit
import contextlib

import psutil

PATIENCE = 5  # seconds that it may take to end when it is told to


def close_service() -> None:
    """End the service that W&B has started in this process; it is killed if it does not end by itself.

    For when no run is open: a run that is finished has its data on disk, and at its server if that answered in time.
    """
    import wandb

    with contextlib.suppress(psutil.NoSuchProcess):
        services = [child for child in psutil.Process().children() if child.name().startswith("wandb-core")]
        for service in services:
            service.terminate()
        for service in psutil.wait_procs(services, PATIENCE)[1]:
            service.kill()
    with contextlib.suppress(Exception, SystemExit):  # what W&B makes of a service that is gone
        wandb.teardown()


def close_service_at_exit() -> None:
    """Before W&B's own end of this process, which waits for its service. Called again, it still is one call."""
    atexit.unregister(close_service)
    atexit.register(close_service)
