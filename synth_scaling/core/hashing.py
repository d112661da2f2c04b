"""Content hashes of options and keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any


def content_hash(key: Mapping[str, Any]) -> str:
    """16 hex digits of the SHA-256 of `key` as canonical JSON. Raises TypeError for a value that JSON cannot hold."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Metadata of an options field that was added after results had been stored under hashes without it. At its default the
# field is left out of every hash, so that those results are still used.
ADDED = {"added": True}

# Metadata of a field that does not change a result, only how it is computed: it is in no hash.
UNKEYED = {"added": True, "unkeyed": True}


def key_of(options: Any) -> dict[str, Any]:
    """An options dataclass as plain data for a hash: all fields but ADDED ones at their default and UNKEYED ones."""
    return without_added(asdict(options), options)


def without_added(plain: Mapping[str, Any], options: Any) -> dict[str, Any]:
    """`plain`, which is `asdict(options)`, without UNKEYED fields and ADDED fields at their default, at any depth."""
    hashed = dict(plain)
    for entry in fields(options):
        value = getattr(options, entry.name)
        default = entry.default if entry.default_factory is MISSING else entry.default_factory()
        if entry.metadata.get("unkeyed") or (entry.metadata.get("added") and value == default):
            del hashed[entry.name]
        elif is_dataclass(value):
            hashed[entry.name] = without_added(hashed[entry.name], value)
    return hashed
