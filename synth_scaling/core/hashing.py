"""Content hashes of options and keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any


def content_hash(key: Mapping[str, Any]) -> str:
    """16 hex digits of the SHA-256 of `key` as canonical JSON. Raises TypeError for what JSON cannot hold."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Metadata of a field of options that came after results had been stored under hashes without it. At its default it is
# left out of every hash, so what was stored before is still found.
ADDED = {"added": True}


# Metadata of a field that says how a result is made and not what it is: in no stage's hash.
UNKEYED = {"added": True, "unkeyed": True}


def key_of(options: Any) -> dict[str, Any]:
    """An options dataclass as plain data for a hash: all fields, but for the ADDED ones at their default."""
    return without_added(asdict(options), options)


def without_added(plain: Mapping[str, Any], options: Any) -> dict[str, Any]:
    """`plain`, the plain data of the dataclass `options`, without ADDED fields at their default, at any depth."""
    kept = dict(plain)
    for entry in fields(options):
        value = getattr(options, entry.name)
        default = entry.default if entry.default_factory is MISSING else entry.default_factory()
        if entry.metadata.get("unkeyed") or (entry.metadata.get("added") and value == default):
            del kept[entry.name]
        elif is_dataclass(value):
            kept[entry.name] = without_added(kept[entry.name], value)
    return kept
