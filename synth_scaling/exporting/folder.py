"""Folders that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from synth_scaling.system.files import sync

MARKER = "export.json"  # in every exported folder: what it was made from


def check_target(target: Path, overwrite: bool) -> None:
    """Refuse a folder that exists, and with `overwrite` one that is no export. Raises ValueError."""
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise ValueError(f"{target}: exists; --overwrite replaces an earlier export")
    if target.is_symlink() or not target.is_dir() or (any(target.iterdir()) and not (target / MARKER).is_file()):
        raise ValueError(f"{target}: is no earlier export (it has no {MARKER}), and is not replaced")


def write_folder(target: Path, fill: Callable[[Path], None], overwrite: bool) -> None:
    """Create `target` with the files that `fill` writes to an empty folder, all of them or none.

    Raises ValueError for a target that :func:`check_target` refuses or that cannot be written.
    """
    check_target(target, overwrite)
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    partial, earlier = (target.with_name(f".{target.name}.{word}-{token}") for word in ("partial", "earlier"))
    try:
        partial.mkdir(parents=True)
        fill(partial)
        for path in [*partial.rglob("*"), partial]:
            sync(path)
        check_target(target, overwrite)
        if target.exists():
            target.rename(earlier)
        try:
            partial.rename(target)
        except BaseException:
            if earlier.exists():
                earlier.rename(target)
            raise
        sync(target.parent)
    except OSError as error:
        raise ValueError(f"{target}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if target.exists():
            shutil.rmtree(earlier, ignore_errors=True)
