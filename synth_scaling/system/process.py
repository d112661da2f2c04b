"""Process-wide settings: environment variables, start method, logging."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys

from synth_scaling.core.terminal import LogFormatter
from synth_scaling.system import signals

log = logging.getLogger("synth_scaling")


def set_up_process(threads: int = 1) -> None:
    """Set the environment variables that packages read at import, and stop joblib from ending this process."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    silence_packages()
    _keep_worker()


def silence_packages() -> None:
    """Suppress lines of other packages that say nothing about a run. They read these variables at import.

    The lines are bars per file, NUMA bindings and W&B's offer of Weave.
    """
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")


def _keep_worker() -> None:
    """Raise the limit of 300 MB by which a joblib worker may grow: the engine, which later runs reuse, exceeds it."""
    process_executor = sys.modules.get("joblib.externals.loky.process_executor")
    if process_executor is not None:
        process_executor._MAX_MEMORY_LEAK_SIZE = float("inf")  # type: ignore[attr-defined]
        # A child process would receive joblib's start method, which it does not know.
        multiprocessing.set_start_method("spawn", force=True)
    if multiprocessing.current_process().name.startswith("Loky"):
        signals.end_with_parent()


def set_up_logging() -> None:
    """Print this project's log from INFO on to standard error, with the time; other packages' from WARNING on."""
    log.setLevel(logging.INFO)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(LogFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
        log.propagate = False
