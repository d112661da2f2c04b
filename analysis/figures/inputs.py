"""What figures are drawn from: the rows of one task, and what several figures need of them, computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from analysis.data.cells import Cell, SizeKey, cells, size_cells
from analysis.data.results import Results
from analysis.figures.drawing import MissingRunsError
from analysis.stats.bootstrap import Draws, resample
from analysis.study.curves import Curve, fit_curves
from analysis.study.multipliers import Multiplier, multipliers

BASELINE = "sft"
STAR_GRAPH = "star_graph"
SWEEP = "sweeps/maze_full.yaml"  # error against N, which every figure but the star graph's needs
ABLATIONS = "sweeps/maze_ablations.yaml"
NUMBERS = ["seeds", "tested", "error", "low", "high"]


@dataclass(frozen=True)
class Material:
    """The rows behind a set of figures.

    Attributes:
        results: the rows of one task.
        star_graph: those of the task star_graph, None if there are none.
    """

    results: Results
    star_graph: Results | None

    @cached_property
    def cells(self) -> dict[SizeKey, Cell]:
        """The cells of error against N. Raises MissingRunsError if there are none."""
        found = size_cells(self.results)
        if not found:
            raise missing("size")
        return found

    @cached_property
    def draws(self) -> Draws[SizeKey]:
        """Their bootstrap draws."""
        return resample(self.cells)

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """The law of every label that has one."""
        return fit_curves(self.cells, self.draws)[0]

    @cached_property
    def multipliers(self) -> list[Multiplier]:
        """M(N) of every label against the baseline; none where the baseline has no law that falls with N."""
        curve = self.curves.get(BASELINE)
        try:
            return multipliers(self.cells, self.draws, curve) if curve else []
        except ValueError:
            return []


def material(results: Results, task: str | None = None) -> Material:
    """Choose the task that the figures show: the one asked for, else the one with the most rows.

    Star-graph rows have a figure of their own and are chosen only if asked for, or if there are no others.

    Raises:
        InputError: no rows of the task asked for.
    """
    counts = results.rows["task"].value_counts()
    if task is None:
        task = min(counts.index, key=lambda name: (name == STAR_GRAPH, -counts[name], name))
    star = results.select(task=STAR_GRAPH) if STAR_GRAPH in counts.index else None
    return Material(results.select(task=task), star)


def missing(figure: str, what: str = "") -> MissingRunsError:
    """The error of a figure that has nothing to show: which rows it wants, and the sweep that makes them."""
    return MissingRunsError(f'no rows with figure "{figure}"{what}: run {SWEEP if figure == "size" else ABLATIONS}')


def rows_of(results: Results, figure: str) -> pd.DataFrame:
    """The rows that were run for one figure."""
    return results.rows[results.rows["figure"] == figure]


def setting(rows: pd.DataFrame, path: str, default: Any = None) -> pd.Series:
    """A value of each row's configuration by its path, e.g. "data.traces"; `default` where a row has none."""

    def find(config: Any) -> Any:
        for name in path.split("."):
            if not isinstance(config, Mapping) or name not in config:
                return default
            config = config[name]
        return config

    if "config" not in rows:
        return pd.Series([default] * len(rows), index=rows.index)
    return pd.Series([find(config) for config in rows["config"]], index=rows.index)


def fill(own: pd.DataFrame, others: pd.DataFrame, point: Sequence[str]) -> pd.DataFrame:
    """The rows run for a figure, and others that stand in at points (and seeds) which it did not run itself.

    Of several others at one point the first counts.
    """
    key = [*point, "seed"]
    ran = set(own[key].itertuples(index=False, name=None))
    new = [found not in ran for found in others[key].itertuples(index=False, name=None)]
    return pd.concat([own, others[new].drop_duplicates(key)])


def interval_table(results: Results, rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One line a cell of `rows`: the columns `by`, then `NUMBERS` (error and its 95 % interval as fractions).

    Raises:
        InputError: two runs of one seed in one cell.
    """
    found = cells(results, rows, by)
    return numbers(found, resample(found), by)


def numbers(found: Mapping[Any, Cell], draws: Draws[Any], names: Sequence[str]) -> pd.DataFrame:
    """One line a cell: its key, as the columns `names`, then `NUMBERS`."""
    lines = [
        (*key, len(cell.seeds), cell.tested, cell.error, *draws.interval(key)) for key, cell in sorted(found.items())
    ]
    return pd.DataFrame(lines, columns=[*names, *NUMBERS])


def most_common_size(rows: pd.DataFrame) -> int:
    """The N with the most runs; of several the middle one (the smaller of two)."""
    counts = rows["problems"].value_counts()
    best = sorted(int(size) for size in counts.index[counts == counts.max()])
    return best[(len(best) - 1) // 2]


def methods_of(rows: pd.DataFrame) -> dict[str, str]:
    """label -> method."""
    return dict(zip(rows["label"], rows["method"], strict=True))
