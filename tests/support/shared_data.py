"""The real data beside the checkout, where it is there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[3] / "shared"
DATA = SHARED / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the real data (../shared) is not beside this checkout")


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a .jsonl.gz below the data folder, which must be there."""
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
