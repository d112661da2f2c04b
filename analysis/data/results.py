"""The rows of a study as one table, with the answers of every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.data.files import Rounds, Run, Samples, read, write_collected
from analysis.data.samples import read_samples
from analysis.defaults import GREEDY, ErrorMeasure, pass_at
from analysis.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Results:
    """The rows of a study and the answers of every run.

    Attributes:
        rows: one row per run, in the order of `files.ORDER`, columns by name; nested fields stay Python objects.
        correct: run -> bool array (P,), aligned on the sorted test problems of the run's task.
        problems: task -> its P sorted test problem ids.
        pass_rate: run -> float array (P,), aligned as `correct`: the share of correct samples of the policy before the
            method; only runs that measured it.
        samples: run -> the policy's samples on each problem, aligned as `correct`; only runs that have them.
        rounds: run -> its answers after each round; only runs with several.
        measure: which error all tables, figures and claims show: that of the greedy response, of one sample, or of k
            samples, none of which is correct.
    """

    rows: pd.DataFrame
    correct: Mapping[str, npt.NDArray[np.bool_]]
    problems: Mapping[str, tuple[str, ...]]
    pass_rate: Mapping[str, npt.NDArray[np.float64]]
    samples: Mapping[str, Samples] = field(default_factory=dict)
    rounds: Mapping[str, Rounds] = field(default_factory=dict)
    measure: ErrorMeasure = GREEDY

    def select(self, task: str | None = None, sweep: str | None = None) -> Results:
        """The results restricted to one task and sweep. Raises InputError if no rows are left."""
        rows = self.rows
        for name, wanted in (("sweep", sweep), ("task", task)):
            if wanted is not None:
                known = sorted(set(rows[name]))
                rows = rows[rows[name] == wanted]
                if rows.empty:
                    raise InputError(
                        f"no rows of {name} {wanted!r}{did_you_mean(wanted, known)}; there are: {', '.join(known)}"
                    )
        return replace(self, rows=rows.reset_index(drop=True))

    def measured_by(self, measure: ErrorMeasure, where: str = "the results") -> Results:
        """The results with another error measure; rows without (enough) samples are left out of "sampled" ("pass@k").

        Raises:
            InputError: no row has sampled errors, or as many samples as pass@k needs (`where` names the folders), or
                those of a task are of several temperatures.
        """
        rows = self.rows
        if measure != GREEDY:
            k = pass_at(measure) or 1
            enough = [run for run, samples in self.samples.items() if samples.each >= k]
            most = max((self.samples[run].each for run in rows["run"] if run in self.samples), default=0)
            rows = rows[rows["run"].isin(enough)].reset_index(drop=True)
            if rows.empty and most:
                raise InputError(
                    f"{measure} needs {k} samples per problem, and the rows of {where} have {most} at most: "
                    f"run with evaluation.samples={k}"
                )
            if rows.empty:
                raise InputError(f"no row of {where} has sampled errors: run with evaluation.samples={max(k, 4)}")
            for task, group in rows.groupby("task"):
                at = temperatures(group)
                if len(at) > 1:
                    raise InputError(
                        f"the rows of task {task} in {where} were sampled at temperatures {', '.join(map(str, at))}: "
                        "choose one sweep with --sweep"
                    )
        return replace(self, rows=rows, measure=measure)

    @property
    def has_samples(self) -> bool:
        """Whether any row has sampled errors."""
        return bool(set(self.samples) & set(self.rows["run"]))

    @property
    def error_name(self) -> str:
        """The error measure in words, for axes and captions."""
        if self.measure == GREEDY:
            return "test error, greedy"
        k, at = pass_at(self.measure), " or ".join(f"{t:g}" for t in temperatures(self.rows))
        if k is None:
            return f"test error of one sample at T = {at}"
        return f"test error of {k} samples (1 - pass@{k}) at T = {at}"

    def incorrect(self, run: str) -> npt.NDArray[np.float64]:
        """(P,) the run's share of incorrect responses to each problem: 0 or 1 of the greedy one, that of samples, or
        that of sets of k samples without a correct one."""
        if self.measure == GREEDY:
            return (~self.correct[run]).astype(float)
        return self.samples[run].all_incorrect(pass_at(self.measure) or 1)

    def incorrect_after(self, run: str, number: int) -> npt.NDArray[np.float64]:
        """(P,) `incorrect` after the round `number`, counted from 1.

        Raises InputError for a run with samples in its last round only.
        """
        rounds = self.rounds.get(run)
        if rounds is None:
            assert number == 1, f"run {run} has one round"
            return self.incorrect(run)
        if self.measure == GREEDY:
            return 1.0 - rounds.correct[number - 1]
        if rounds.samples_correct is None:
            raise InputError(f"run {run} has no samples after each round")
        after = Samples(rounds.samples_correct[number - 1], self.samples[run].each)
        return after.all_incorrect(pass_at(self.measure) or 1)

    def responses(self, run: str) -> float:
        """The run's number of responses to each problem behind `incorrect`; of sets of k samples, the disjoint ones."""
        return 1 if self.measure == GREEDY else self.samples[run].each / (pass_at(self.measure) or 1)


def temperatures(rows: pd.DataFrame) -> list[float]:
    """The distinct `evaluation.temperature` of rows, ascending; 1, its default, for rows that do not record it."""
    configs = rows.get("config", [None])
    evaluations = [config.get("evaluation", {}) if isinstance(config, dict) else {} for config in configs]
    return sorted({float(evaluation.get("temperature", 1.0)) for evaluation in evaluations})


def load(results: Path) -> Results:
    """Read a results folder in either form (see `analysis.data.files`).

    Raises:
        InputError: a missing folder, no rows, malformed input or a missing field (naming file and line),
            a run that appears twice, or runs of one task that were tested on different problems.
    """
    return _results(read(results))


def collect(sources: Sequence[Path], destination: Path) -> int:
    """Write the rows of all `sources` to `destination` as collected files: the same bytes for the same rows.

    Sampled responses are taken along where sources have them. Returns the number of rows.

    Raises:
        InputError: as `load` does.
    """
    parts = [(source, read(source)) for source in sources]
    runs = [run for _, part in parts for run in part]
    _results(runs)  # for its checks across runs, before anything is written
    samples = [read_samples(source, [run.row["run"] for run in part]) for source, part in parts]
    write_collected(runs, destination, [table for table in samples if table is not None])
    return len(runs)


def _results(runs: Sequence[Run]) -> Results:
    """Runs as a table; raises InputError as `load` does."""
    problems: dict[str, tuple[str, ...]] = {}
    first: dict[str, str] = {}
    correct: dict[str, npt.NDArray[np.bool_]] = {}
    pass_rate: dict[str, npt.NDArray[np.float64]] = {}
    samples: dict[str, Samples] = {}
    rounds: dict[str, Rounds] = {}
    for row, ids, right, rates, where, sampled, of_rounds in runs:
        task, run = row["task"], row["run"]
        if run in correct:
            raise InputError(f"{where}: run {run} appears twice")
        first.setdefault(task, run)
        if problems.setdefault(task, ids) != ids:
            apart = len(set(ids) ^ set(problems[task]))
            raise InputError(
                f"{where}: run {run} was tested on other problems than run {first[task]} of the same task, "
                f"{task} ({apart} are in only one of the two)"
            )
        correct[run] = right
        if rates is not None:
            pass_rate[run] = rates
        if sampled is not None:
            samples[run] = sampled
        if of_rounds is not None:
            rounds[run] = of_rounds
    rows = pd.DataFrame([run.row for run in runs]).sort_index(axis=1)
    return Results(rows, correct, problems, pass_rate, samples, rounds)


def joined(parts: Sequence[Results]) -> Results:
    """The results of several folders together.

    Raises:
        InputError: a run that is in two of the folders, or a task whose test problems differ between them.
    """
    first, *rest = parts
    for other in rest:
        twice = sorted(set(first.correct) & set(other.correct))
        if twice:
            raise InputError(f"run {twice[0]} is in two of the folders")
        for task in sorted(set(first.problems) & set(other.problems)):
            if first.problems[task] != other.problems[task]:
                raise InputError(f"the folders hold different test problems of task {task}: give one of them only")
        first = replace(
            first,
            rows=pd.concat([first.rows, other.rows], ignore_index=True),
            correct={**first.correct, **other.correct},
            problems={**first.problems, **other.problems},
            pass_rate={**first.pass_rate, **other.pass_rate},
            samples={**first.samples, **other.samples},
            rounds={**first.rounds, **other.rounds},
        )
    return first
