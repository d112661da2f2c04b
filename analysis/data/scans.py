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
from analysis.data.flops import flops
from analysis.data.results import Results

Kind = Literal["positives", "negatives"]
GRID_POINTS = 5  # the joint law has four parameters


@dataclass(frozen=True)
class Grid:
    """A label's runs over problems and what the policy itself adds to them, with the baseline's at the same N.

    Attributes:
        points: (label or baseline, N, count) -> cell, for at most `count` negatives (or positives) a problem; the
            baseline's count is 0.
        problems, added: (K,) P and M of the joint law, in the order of `points`: N, and the mean number of negatives
            (or positives) that were used in all. P is N because neither step_dpo nor step_sft trains on whole
            responses of its own, and because rft's are what is added.
        flops: (K,) mean training and sampling FLOPs of a run; NaN where rows do not tell.
        own: (K,) True for the label's own points.
        kind: what is added.
    """

    points: Mapping[tuple[str, int, int], Cell]
    problems: Floats
    added: Floats
    flops: Floats
    own: npt.NDArray[np.bool_]
    kind: Kind = "negatives"

    @property
    def negatives(self) -> Floats:
        """`added` of a grid over negatives, (K,)."""
        return self.added


def scan(results: Results, figure: str, method: str, path: str) -> dict[tuple[int, Any], Cell]:
    """Cells by (N, setting) of a scan over one setting, given by its dotted path into a row.

    The rows are those whose figure is `figure`. At their N, "size" rows of the method (under its own name, with as
    many rollouts a problem) stand in for the points that the scan did not run. Empty without rows of the figure.

    Raises:
        InputError: two runs of one seed at one point.
    """
    return cells(results, scan_rows(results, figure, method, path), ["problems", "setting"])


def scan_rows(results: Results, figure: str, method: str, path: str) -> pd.DataFrame:
    """The rows behind `scan`, with the value at `path` as the column "setting"; rows without it are left out."""
    rows = results.rows[results.rows["method"] == method]
    own, others = rows[rows["figure"] == figure], rows[(rows["figure"] == "size") & (rows["label"] == method)]
    others = others[others["problems"].isin(own["problems"]) & others["rollouts"].isin(own["rollouts"])]
    own, others = (part.assign(setting=settings(part, path)).dropna(subset="setting") for part in (own, others))
    point = ["problems", "setting", "seed"]
    ran = set(own[point].itertuples(index=False, name=None))
    new = [key not in ran for key in others[point].itertuples(index=False, name=None)]
    return pd.concat([own, others[new]])


def settings(rows: pd.DataFrame, path: str) -> list[Any]:
    """The value at a dotted path of every row, e.g. "config.credit.rollouts"; None where a row has no such thing."""
    first, *rest = path.split(".")
    found = list(rows[first]) if first in rows else [None] * len(rows)
    for key in rest:
        found = [value.get(key) if isinstance(value, dict) else None for value in found]
    return found


def grid(results: Results, label: str, baseline: str = "sft") -> Grid | None:
    """The rows whose figure is "grid", filled as a `scan` over negatives a problem; None as `_grid` says.

    Raises:
        InputError: two runs of one seed at one point.
    """
    return _grid(results, label, baseline, scan_rows(results, "grid", label, "negatives"), "negatives")


def positives_grid(results: Results, label: str = "rft", baseline: str = "sft") -> Grid | None:
    """The scan over positives a problem, filled as a `scan`, and the label's "size" rows at every other N; None as
    `_grid` says.

    Raises:
        InputError: two runs of one seed at one point.
    """
    rows = scan_rows(results, "positives", label, "positives")
    size = results.rows[(results.rows["figure"] == "size") & (results.rows["label"] == label)]
    size = size[size["rollouts"].isin(rows["rollouts"]) & ~size["problems"].isin(rows["problems"])]
    return _grid(results, label, baseline, pd.concat([rows, size.assign(setting=size["positives"])]), "positives")


def _grid(results: Results, label: str, baseline: str, rows: pd.DataFrame, kind: Kind) -> Grid | None:
    """None where the joint law has no room: it needs two N, two counts at one of them, and five points in all, of which
    not all add the same number a problem."""
    base = results.rows[(results.rows["figure"] == "size") & (results.rows["label"] == baseline)]
    base = base[base["problems"].isin(rows["problems"])].assign(setting=0)
    if len(set(rows["problems"])) < 2 or rows.groupby("problems")["setting"].nunique().max() < 2:
        return None
    used = f"{kind}_used"
    both = pd.concat([rows.assign(label=label), base.assign(**{used: 0})])
    points = cells(results, both, ["label", "problems", "setting"])
    if len(points) < GRID_POINTS:
        return None
    both = both.assign(flops=flops(both))
    means = both.groupby(["label", "problems", "setting"])[[used, "flops"]].mean().loc[list(points)]
    problems, added = np.array([size for _, size, _ in points], dtype=float), means[used].to_numpy(dtype=float)
    if np.ptp(added / problems) < 1e-9:
        return None
    return Grid(
        {(name, int(size), int(count)): cell for (name, size, count), cell in points.items()},
        problems,
        added,
        means["flops"].to_numpy(dtype=float),
        np.array([name == label for name, _, _ in points]),
        kind,
    )
