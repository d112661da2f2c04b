"""Cells of scans over one setting at fixed N, and of grids over problems and self-generated positives or negatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.arrays import Floats
from analysis.data.cells import Cell, cells
from analysis.data.flops import flops, sampling_flops
from analysis.data.results import Results

Kind = Literal["positives", "negatives"]
GRID_POINTS = 5  # the joint law has four parameters


@dataclass(frozen=True)
class Grid:
    """A label's runs over numbers of problems and of self-generated data, with the baseline's runs at the same N.

    Attributes:
        points: (label or baseline, N, count) -> cell, for at most `count` negatives (or positives) per problem; the
            baseline's count is 0.
        problems, added: (K,) P and M of the joint law, in the order of `points`: N, and the mean number of negatives
            (or positives) used in total. P is N because neither step_dpo nor step_sft trains on whole
            self-generated responses, and because those of rft are what is added.
        flops, flops_sampling: (K,) mean FLOPs of a run, of training and sampling and of sampling alone; NaN where rows
            do not record them.
        is_label: (K,) True for the label's points, False for the baseline's.
        kind: what is added.
    """

    points: Mapping[tuple[str, int, int], Cell]
    problems: Floats
    added: Floats
    flops: Floats
    flops_sampling: Floats
    is_label: npt.NDArray[np.bool_]
    kind: Kind = "negatives"

    @property
    def negatives(self) -> Floats:
        """`added` of a grid over negatives, (K,)."""
        return self.added


def scan(results: Results, figure: str, method: str, path: str) -> dict[tuple[int, Any], Cell]:
    """Cells by (N, setting) of a scan over one setting, given by its dotted path into a row.

    The rows are those whose figure is `figure`. At their N, "size" rows of the method (labelled by its name, with as
    many rollouts per problem) fill in the points that the scan did not run. Empty without rows of the figure.

    Raises:
        InputError: two runs of one seed at one point.
    """
    return cells(results, scan_rows(results, figure, method, path), ["problems", "setting"])


def scan_rows(results: Results, figure: str, method: str, path: str) -> pd.DataFrame:
    """The rows behind `scan`, with the value at `path` as the column "setting"; rows without it are left out."""
    rows = results.rows[results.rows["method"] == method]
    scanned, others = rows[rows["figure"] == figure], rows[(rows["figure"] == "size") & (rows["label"] == method)]
    others = others[others["problems"].isin(scanned["problems"]) & others["rollouts"].isin(scanned["rollouts"])]
    scanned, others = (part.assign(setting=settings(part, path)).dropna(subset="setting") for part in (scanned, others))
    point = ["problems", "setting", "seed"]
    ran = set(scanned[point].itertuples(index=False, name=None))
    new = [key not in ran for key in others[point].itertuples(index=False, name=None)]
    return pd.concat([scanned, others[new]])


def settings(rows: pd.DataFrame, path: str) -> list[Any]:
    """The value at a dotted path of every row, e.g. "config.credit.rollouts"; None where a row lacks it."""
    first, *rest = path.split(".")
    values = list(rows[first]) if first in rows else [None] * len(rows)
    for key in rest:
        values = [value.get(key) if isinstance(value, dict) else None for value in values]
    return values


def grid(results: Results, label: str, baseline: str = "sft") -> Grid | None:
    """The rows whose figure is "grid", filled like a `scan` over negatives per problem; None as in `_grid`.

    Raises:
        InputError: two runs of one seed at one point.
    """
    return _grid(results, label, baseline, scan_rows(results, "grid", label, "negatives"), "negatives")


def positives_grid(results: Results, label: str = "rft", baseline: str = "sft") -> Grid | None:
    """The scan over positives per problem, filled like a `scan`, and the label's "size" rows at every other N; None as
    in `_grid`.

    Raises:
        InputError: two runs of one seed at one point.
    """
    rows = scan_rows(results, "positives", label, "positives")
    size = results.rows[(results.rows["figure"] == "size") & (results.rows["label"] == label)]
    size = size[size["rollouts"].isin(rows["rollouts"]) & ~size["problems"].isin(rows["problems"])]
    return _grid(results, label, baseline, pd.concat([rows, size.assign(setting=size["positives"])]), "positives")


def _grid(results: Results, label: str, baseline: str, rows: pd.DataFrame, kind: Kind) -> Grid | None:
    """The grid, or None where it has too few points for the joint law.

    The law needs two N, two counts at one of them, and five points which do not all add the same number per problem.
    """
    base = results.rows[(results.rows["figure"] == "size") & (results.rows["label"] == baseline)]
    base = base[base["problems"].isin(rows["problems"])].assign(setting=0)
    if len(set(rows["problems"])) < 2 or rows.groupby("problems")["setting"].nunique().max() < 2:
        return None
    used = f"{kind}_used"
    both = pd.concat([rows.assign(label=label), base.assign(**{used: 0})])
    points = cells(results, both, ["label", "problems", "setting"])
    if len(points) < GRID_POINTS:
        return None
    both = both.assign(flops=flops(both), flops_sampling=sampling_flops(both))
    means = both.groupby(["label", "problems", "setting"])[[used, "flops", "flops_sampling"]].mean().loc[list(points)]
    problems, added = np.array([size for _, size, _ in points], dtype=float), means[used].to_numpy(dtype=float)
    if np.ptp(added / problems) < 1e-9:
        return None
    return Grid(
        {(name, int(size), int(count)): cell for (name, size, count), cell in points.items()},
        problems,
        added,
        means["flops"].to_numpy(dtype=float),
        means["flops_sampling"].to_numpy(dtype=float),
        np.array([name == label for name, _, _ in points]),
        kind,
    )
