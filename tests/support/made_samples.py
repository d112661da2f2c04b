"""Sampled responses written by hand, as a run would write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.data.samples import SCHEMA

BOARD = json.dumps({"places": [[0, 0], [1, 0], [1, 1]], "names": ["A0", "B0", "B1"], "edges": [[0, 1], [1, 2]]})


def made_sample(**fields: Any) -> dict[str, Any]:
    """An incorrect response of three steps with values, its first error, and the pair that came of it."""
    return {
        "policy": "pi_sft",
        "problem": "train/0",
        "sample": 0,
        "prompt": "Ada has 3 apples and buys 4. How many has she?",
        "solution": "3 + 4 = 7\n#### 7",
        "answer": "7",
        "difficulty": 2,
        "pass_rate": 0.5,
        "correct": False,
        "finished": True,
        "steps": ["She has 3 apples.\n", "3 + 4 = 8\n", "#### 8"],
        "values": [0.5, 0.75, 0.0, 0.0],
        "first_error": 2,
        "true_error": None,
        "pair_side": "rejected",
        "pair_prefix": "She has 3 apples.\n",
        "pair_chosen": "3 + 4 = 7\n#### 7",
        "pair_rejected": "3 + 4 = 8\n",
        "board": None,
        "walk": [],
        "goal": None,
    } | fields


def write_run_samples(results: Path, run: str, samples: Sequence[dict[str, Any]]) -> None:
    """Write `samples` as the file of a run in the live layout."""
    schema = pa.schema([field for field in SCHEMA if field.name != "run"])
    pq.write_table(pa.Table.from_pylist(list(samples), schema), results / "runs" / run / "samples.parquet")
