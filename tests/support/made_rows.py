"""Results made in memory from chosen error rates, so that the right answer is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.data.files import Run, Samples, write_collected
from analysis.data.results import Results

Point = dict[str, Any]
NOT_FIELDS = ("rate", "seeds", "pass_rate", "sampled_rate")


def point(label: str, size: int, rate: float, seeds: int | Iterable[int] = 3, **fields: Any) -> Point:
    """The runs of one setting at an error rate; `fields` go into the rows (method = label unless given).

    With `sampled_rate` the runs also have samples at that error rate.
    """
    names = range(seeds) if isinstance(seeds, int) else seeds
    return {"label": label, "method": label, "problems": size, "rate": rate, "seeds": tuple(names), **fields}


def results_of(
    points: Sequence[Point], tested: int = 2000, shared: float = 0.6, spread: float = 0.0, samples: int = 4
) -> Results:
    """Results of such points on `tested` problems of one task a point, named in it or else maze.

    A problem is hard for every run to the share `shared` of its variance: 1 makes all runs of a rate the same, exactly
    at it (as near as `tested` allows). `spread` is the standard deviation between seeds of the log odds of an error.
    """
    rows, correct, pass_rate, sampled = [], {}, {}, {}
    ids = tuple(f"test/{index:05d}" for index in range(tested))
    for at in points:
        fields = {name: value for name, value in at.items() if name not in NOT_FIELDS}
        for seed in at["seeds"]:
            row = {"sweep": "made", "task": "maze", "figure": "size", "seed": seed, "positives": 4, "negatives": 8}
            row |= {"rollouts": 16, "positives_used": 0, "negatives_used": 0, "tested": tested, "config": {}} | fields
            row["run"] = "-".join(
                str(row[name]) for name in ("task", "figure", "label", "problems", "positives", "negatives", "seed")
            ) + str(row["config"])
            wrong = _wrong(at["rate"], tested, shared, spread, row["run"], seed)
            row["wrong"] = int(wrong.sum())
            rows.append(row)
            correct[row["run"]] = ~wrong
            if "pass_rate" in at:
                pass_rate[row["run"]] = np.asarray(at["pass_rate"], dtype=float)
            if "sampled_rate" in at:
                drawn = [
                    _wrong(at["sampled_rate"], tested, shared, spread, row["run"], seed, place)
                    for place in range(1, samples + 1)
                ]
                sampled[row["run"]] = Samples((~np.stack(drawn)).sum(axis=0), samples)
                row |= {"samples": samples, "sampled_error": float(np.mean(drawn))}
    table = pd.DataFrame(rows)
    return Results(table, correct, {task: ids for task in table["task"]}, pass_rate, sampled)


def write(results: Results, folder: Path) -> None:
    """Write results in the collected layout."""
    runs = []
    for row in results.rows.to_dict("records"):
        ids = results.problems[row["task"]]
        rates = results.pass_rate.get(row["run"])
        runs.append(
            Run(
                {name: value for name, value in row.items() if value == value},  # a column of other rows is NaN here
                ids,
                results.correct[row["run"]],
                rates,
                "made",
                results.samples.get(row["run"]),
            )
        )
    write_collected(runs, folder)


def _wrong(
    rate: Any, tested: int, shared: float, spread: float, run: str, seed: int, place: int = 0
) -> npt.NDArray[np.bool_]:
    """(tested,) with `rate` a number, or (tested,) of its own for each problem; `place` numbers the run's samples."""
    # Evenly spread quantiles, not draws: at shared = 1 the errors are the rate's, not a sample of it.
    hardness = np.random.default_rng(7).permutation((np.arange(tested) + 0.5) / tested)
    selected = np.random.default_rng([*run.encode(), *([place] if place else [])]).uniform(size=tested)
    at = np.where(np.random.default_rng(3).permutation(tested) < shared * tested, hardness, selected)
    shift = spread * np.random.default_rng([seed, *run.encode()]).normal()
    odds = np.asarray(rate, dtype=float) / (1 - np.asarray(rate, dtype=float)) * np.exp(shift)
    return np.asarray(at < odds / (1 + odds))
