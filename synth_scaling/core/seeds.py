"""Seeds of random draws, derived from the names of their purposes."""

from __future__ import annotations

import hashlib


def seed_of(*parts: int | str) -> int:
    """A seed below 2^31 derived from `parts`; different parts give unrelated seeds."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4]) >> 1
