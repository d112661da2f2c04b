"""Names in a store's folder: what belongs to the store, and is therefore all that its maintenance may remove.

STORE                          marks a folder as a store; stores of early versions have none
made.jsonl                     one line per computed stage
KIND/HASH/                     a complete stage, with stage.json
KIND/HASH.partial-TOKEN/       a stage that is being computed, or that a dead process left
KIND/HASH.lock                 the lease on a stage
damaged/KIND-HASH-TOKEN        what was in a stage's place and could not be used
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from synth_scaling.system.files import left_temporaries, write_text

MARKER = "STORE"
DAMAGED = "damaged"
NOTE = "Results of synth-scaling, one folder per stage. `synth-scaling store` lists, verifies and cleans them.\n"

_KIND = re.compile(r"[A-Za-z]\w*")
_HASH = re.compile(r"[0-9a-f]{4,64}")
_UNFINISHED = re.compile(r"([0-9a-f]{4,64})\.partial(-[0-9a-f]+)?")
_LEASE = re.compile(r"[0-9a-f]{4,64}\.lock")
_MOVED = re.compile(r"[A-Za-z]\w*-[0-9a-f]{4,64}(\.partial(-[0-9a-f]+)?)?-[0-9a-f]+")


def mark(root: Path) -> None:
    """Mark `root` as a store. Does nothing where that cannot be written: the marker is only for maintenance."""
    if not (root / MARKER).exists():
        with suppress(OSError):
            for earlier in left_temporaries(root, MARKER):  # of a killed process; a living one goes without, as above
                earlier.unlink(missing_ok=True)
            write_text(root / MARKER, NOTE)


def is_marked(root: Path) -> bool:
    return (root / MARKER).is_file() and (root / MARKER).read_text(errors="replace").startswith(NOTE[:24])


def entries(root: Path) -> Iterator[Path]:
    """Everything in the folders of kinds, by kind and name, whatever it is; links to folders are not followed."""
    for kind in sorted(root.iterdir()):
        if kind.name not in (DAMAGED, "runs") and _KIND.fullmatch(kind.name) and kind.is_dir():
            if kind.is_symlink():
                yield kind
            else:
                yield from sorted(kind.iterdir())


def is_stage_name(path: Path) -> bool:
    """Whether `path` is named like a complete stage."""
    return _HASH.fullmatch(path.name) is not None


def unfinished_hash(path: Path) -> str | None:
    """The hash of the stage that was computed in the partial folder `path`; None if it has another name."""
    match = _UNFINISHED.fullmatch(path.name)
    return match and match[1]


def is_lease(path: Path) -> bool:
    """Whether `path` is named like the lease on a stage."""
    return _LEASE.fullmatch(path.name) is not None


def damaged(root: Path) -> Iterator[Path]:
    """Folders, files and links that the store has moved to `damaged/`."""
    folder = root / DAMAGED
    if folder.is_dir() and not folder.is_symlink():
        yield from (path for path in sorted(folder.iterdir()) if _MOVED.fullmatch(path.name))
