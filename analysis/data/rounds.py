"""Cells of error against the round of sampling and training, and what each round had cost by then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.cells import Cell, cells
from analysis.data.results import Results

RoundKey = tuple[str, int, int]  # (label, N, round), rounds counted from 1
COSTS = ("flops_sampling", "flops_training")


def round_rows(results: Results) -> pd.DataFrame:
    """The rows whose figure is "rounds"."""
    return results.rows[results.rows["figure"] == "rounds"]


def rounds_of(row: Mapping[Any, Any]) -> list[Mapping[Any, Any]]:
    """The entries of a row's rounds; a row that is older than rounds is one round itself."""
    rounds = row.get("rounds")
    return rounds if isinstance(rounds, list) and rounds else [{**row, "round": 1}]


def round_cells(results: Results) -> dict[RoundKey, Cell]:
    """The cells by (label, N, round) of the rows whose figure is "rounds".

    Raises:
        InputError: rows of several tasks, or two runs of one seed with the same label and N.
    """
    rows = round_rows(results)
    counts = np.array([len(rounds_of(row)) for row in rows.to_dict("records")], dtype=int)
    points: dict[RoundKey, Cell] = {}
    for number in range(1, counts.max(initial=0) + 1):

        def incorrect(run: str, number: int = number) -> np.ndarray:
            return results.incorrect_after(run, number)

        by_key = cells(results, rows[counts >= number], ["label", "problems"], incorrect)
        points |= {(str(label), int(size), number): cell for (label, size), cell in by_key.items()}
    return dict(sorted(points.items()))


def round_costs(results: Results) -> dict[RoundKey, dict[str, float]]:
    """Mean FLOPs of sampling and training up to each round, by (label, N, round), where rows record them."""
    spent: dict[RoundKey, list[list[float]]] = {}
    for row in round_rows(results).to_dict("records"):
        for after in rounds_of(row):
            if all(after.get(name) is not None for name in COSTS):
                key = (str(row["label"]), int(row["problems"]), int(after["round"]))
                spent.setdefault(key, []).append([float(after[name]) for name in COSTS])
    return {key: dict(zip(COSTS, np.mean(every, axis=0).tolist(), strict=True)) for key, every in spent.items()}
