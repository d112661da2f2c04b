"""The inputs of figures: the study of one task, and functions that turn its rows into tables of points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.data.cells import Cell, cells
from analysis.data.results import Results
from analysis.figures.drawing import MissingRunsError
from analysis.figures.style import Width
from analysis.stats.bootstrap import Draws, resample
from analysis.study.studies import STAR_GRAPH, Studies
from analysis.study.study import Study

SWEEP = "sweeps/maze_full.yaml"  # provides error against N, which every figure but the star graph's needs
ABLATIONS = "sweeps/maze_ablations.yaml"
NUMBERS = ["seeds", "tested", "error", "low", "high"]


@dataclass(frozen=True)
class FigureInputs:
    """The data behind a set of figures.

    Attributes:
        study: of the task that the figures show.
        star_graph: the rows of the task star_graph; None if there are none.
        width: the width of the figures.
        teacher_cost: price of a teacher solution in FLOPs; None for one at which they are expensive.
    """

    study: Study
    star_graph: Results | None
    width: Width = "column"
    teacher_cost: float | None = None

    @property
    def results(self) -> Results:
        """The rows of the study."""
        return self.study.results

    @property
    def error_name(self) -> str:
        """The error that all figures show, e.g. "test error, greedy"."""
        return self.study.error_name

    @property
    def error_axis(self) -> str:
        """The label of an axis with errors."""
        return f"{self.error_name}, in %"

    @property
    def error_title(self) -> str:
        """The same as the first words of a caption."""
        return self.study.error_title

    @property
    def methods(self) -> set[str]:
        """Every method of the study and of the star graph."""
        star = set() if self.star_graph is None else set(self.star_graph.rows["method"])
        return {*self.results.rows["method"], *star}

    def size_study(self) -> Study:
        """The study, for a figure of error against N. Raises MissingRunsError without such rows."""
        if not self.study.cells:
            raise missing("size")
        return self.study


def figure_inputs(
    studies: Studies, task: str | None = None, width: Width = "column", teacher_cost: float | None = None
) -> FigureInputs:
    """The study of `task`, or of the task with the most rows (see `Studies.shown`), and the rows of the star graph.

    Raises:
        InputError: no rows of the task asked for.
    """
    star = studies.of(STAR_GRAPH).results if STAR_GRAPH in studies.tasks else None
    return FigureInputs(studies.shown(task), star, width, teacher_cost)


def missing(figure: str, what: str = "") -> MissingRunsError:
    """The error of a figure without runs: the rows that it needs, and the sweep that provides them."""
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


def fill(rows: pd.DataFrame, others: pd.DataFrame, point: Sequence[str]) -> pd.DataFrame:
    """The rows run for a figure, and of the others those at points (and seeds) that the figure lacks.

    Of several others at one point the first is taken.
    """
    key = [*point, "seed"]
    ran = set(rows[key].itertuples(index=False, name=None))
    new = [key_of not in ran for key_of in others[key].itertuples(index=False, name=None)]
    return pd.concat([rows, others[new].drop_duplicates(key)])


def interval_table(results: Results, rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One line per cell of `rows`: the columns `by`, then `NUMBERS` (error and its 95 % interval as fractions).

    Raises:
        InputError: two runs of one seed in one cell.
    """
    by_key = cells(results, rows, by)
    return numbers(by_key, resample(by_key), by)


def numbers(by_key: Mapping[Any, Cell], draws: Draws[Any], names: Sequence[str]) -> pd.DataFrame:
    """One line per cell: its key, as the columns `names`, then `NUMBERS`."""
    lines = [
        (*key, len(cell.seeds), cell.tested, cell.error, *draws.interval(key)) for key, cell in sorted(by_key.items())
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
