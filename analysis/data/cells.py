"""Cells: the incorrect responses of several seeds of one setting, problem by problem. Statistics start from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.arrays import Floats
from analysis.data.results import Results
from analysis.errors import InputError, did_you_mean

SizeKey = tuple[str, int]  # (label, N)


@dataclass(frozen=True)
class Cell:
    """The runs of one setting.

    Attributes:
        seeds: (S,) distinct seeds, ascending.
        wrong: (S, P) share of incorrect responses of the run of that seed to that test problem: 0 or 1 for greedy
            responses, a fraction for several samples.
        responses: number of responses of a run to a problem, mean over the seeds.
    """

    seeds: tuple[int, ...]
    wrong: Floats
    responses: float = 1.0

    @property
    def tested(self) -> int:
        """Number of responses: seeds times test problems, times samples per problem."""
        return round(self.wrong.size * self.responses)

    @property
    def error(self) -> float:
        """Share of incorrect responses, over all seeds."""
        return float(self.wrong.mean())

    @property
    def spread(self) -> Floats:
        """(P,) variance over the seeds of the share of incorrect responses to each problem, with divisor S."""
        mean = self.wrong.mean(axis=0)
        # The second term is 0 for greedy responses, whose shares are 0 or 1.
        return np.asarray(mean * (1 - mean) - (self.wrong * (1.0 - self.wrong)).mean(axis=0))

    @property
    def independent(self) -> float:
        """The number of independent responses that would vary as these do, from seeds times problems up to `tested`.

        Samples on one problem by one run are alike, so they count for less than their number: by the design effect of
        clustered binary data (Rao and Scott 1992, Biometrics 48), whose clusters are a run's samples on one problem.
        Greedy responses are one per cluster, and count fully.
        """
        error, clusters = self.error, float(self.wrong.size)
        single = error * (1 - error)  # variance of a single response
        of_cluster = single - float((self.wrong * (1.0 - self.wrong)).mean())  # variance of a cluster's share
        if of_cluster <= 0:
            return clusters if single <= 0 else float(self.tested)
        return min(clusters * max(1.0, single / of_cluster), float(self.tested))

    @property
    def incorrect(self) -> float:
        """The number of incorrect ones among the `independent` responses."""
        return float(self.wrong.sum()) * self.independent / self.wrong.size


def cells(
    results: Results, rows: pd.DataFrame, by: Sequence[str], shares: Callable[[str], Floats] | None = None
) -> dict[tuple[Any, ...], Cell]:
    """Group rows of `results` into cells by the columns `by`; the keys are tuples of their values, sorted.

    `shares` gives a run's share of incorrect responses to each problem, (P,): by default `Results.incorrect`.

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
        key: Cell(
            tuple(sorted(runs)),
            np.stack([(shares or results.incorrect)(runs[seed]) for seed in sorted(runs)]),
            float(np.mean([results.responses(run) for run in runs.values()])),
        )
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
