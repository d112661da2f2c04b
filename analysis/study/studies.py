"""The studies of results that hold several tasks."""

from __future__ import annotations

from analysis.data.results import Results
from analysis.defaults import DRAWS
from analysis.study.study import Study

STAR_GRAPH = "star_graph"  # the task with a separate figure and claims


class Studies:
    """The study of each task in `results`, built when it is first asked for, and once."""

    def __init__(self, results: Results, n_draws: int = DRAWS) -> None:
        self.results = results
        self.n_draws = n_draws
        self.tasks = sorted(set(results.rows["task"]))
        self._known: dict[str, Study] = {}

    def of(self, task: str) -> Study:
        """The study of a task. Raises InputError for a task without rows."""
        if task not in self._known:
            self._known[task] = Study(self.results.select(task=task), n_draws=self.n_draws)
        return self._known[task]

    def shown(self, task: str | None = None) -> Study:
        """The study that figures and tables show: of `task`, else of the task with the most rows.

        The star graph has a separate figure; it is chosen only if requested, or if there is no other task.
        """
        if task is None:
            counts = self.results.rows["task"].value_counts()
            task = min(counts.index, key=lambda name: (name == STAR_GRAPH, -counts[name], name))
        return self.of(task)
