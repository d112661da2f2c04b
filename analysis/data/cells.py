"""Cells: the incorrect answers of several seeds of one setting, problem by problem. Statistics start from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.data.results import Results
from analysis.errors import InputError, did_you_mean

SizeKey = tuple[str, int]  # (label, N)


@dataclass(frozen=True)
class Cell:
    """The runs of one setting.

    Attributes:
        seeds: (S,) distinct seeds, ascending.
        wrong: (S, P) bool, True where the run of that seed answered that test problem incorrectly.
    """

    seeds: tuple[int, ...]
    wrong: npt.NDArray[np.bool_]

    @property
    def tested(self) -> int:
        """Number of answers: seeds times test problems."""
        return int(self.wrong.size)

    @property
    def error(self) -> float:
        """Share of incorrect answers, over all seeds."""
        return float(self.wrong.mean())


def cells(results: Results, rows: pd.DataFrame, by: Sequence[str]) -> dict[tuple[Any, ...], Cell]:
    """Group rows of `results` into cells by the columns `by`; the keys are tuples of their values, sorted.

    Raises:
        InputError: rows of more than one task, or two runs of one seed in one cell (pooling them silently
            would mix two settings under one name).
    """
    tasks = sorted(set(rows["task"]))
    if len(tasks) > 1:
        raise InputError(f"the rows are of several tasks ({', '.join(tasks)}): choose one with --task")
    grouped: dict[tuple[Any, ...], dict[int, str]] = {}
    for *key, seed, run in rows[[*by, "seed", "run"]].itertuples(index=False, name=None):
        runs = grouped.setdefault(tuple(key), {})
        if seed in runs:
            point = ", ".join(f"{name} {value}" for name, value in zip(by, key, strict=True))
            raise InputError(
                f"runs {runs[seed]} and {run} are both {point}, seed {seed}: "
                "choose one sweep with --sweep, or give one of them another label"
            )
        runs[seed] = run
    return {
        key: Cell(tuple(sorted(runs)), np.stack([~results.correct[runs[seed]] for seed in sorted(runs)]))
        for key, runs in sorted(grouped.items())
    }


def size_cells(results: Results) -> dict[SizeKey, Cell]:
    """The cells of the error-against-N curves, by (label, N): the rows whose figure is "size"."""
    rows = results.rows[results.rows["figure"] == "size"]
    return {
        (str(label), int(size)): cell for (label, size), cell in cells(results, rows, ["label", "problems"]).items()
    }


def sizes_of(points: Mapping[SizeKey, Cell], label: str) -> list[int]:
    """The sizes N at which a label was run, ascending. Raises InputError for a label without runs."""
    sizes = sorted(size for name, size in points if name == label)
    if not sizes:
        known = sorted({name for name, _ in points})
        raise InputError(
            f"no runs with label {label!r} and figure 'size'{did_you_mean(label, known)}; "
            f"labels there: {', '.join(known) or 'none'}"
        )
    return sizes
