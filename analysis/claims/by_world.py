"""The claims ledger over several worlds: every claim by world, judged by greedy and by sampled error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.claims import of_study
from analysis.claims.claim import Claim
from analysis.data.results import Results
from analysis.defaults import ERROR_MEASURES, ErrorMeasure
from analysis.study.studies import Studies

Judged = Mapping[tuple[str, ErrorMeasure], Claim]  # (world, measure) -> the claim there


@dataclass(frozen=True)
class WorldLedger:
    """Every claim in every world.

    Attributes:
        worlds: names of the worlds, in the order of the folders.
        measures: world -> the error measures that its rows have.
        claims: statement -> (world, measure) -> the claim with its verdict; claims in the order of the ledger.
    """

    worlds: tuple[str, ...]
    measures: Mapping[str, tuple[ErrorMeasure, ...]]
    claims: Mapping[str, Judged]


def by_world(folders: Sequence[tuple[str, Results]], n_draws: int) -> WorldLedger:
    """The ledger of the tasks of several folders, each a (name, results) pair.

    A world is the task of one folder: it has the name of the task, with that of the folder where two worlds share it.

    Raises:
        InputError: two runs of one seed at one point.
    """
    parts = [(folder, task, results) for folder, results in folders for task in sorted(set(results.rows["task"]))]
    tasks = [task for _, task, _ in parts]
    measures: dict[str, tuple[ErrorMeasure, ...]] = {}
    claims: dict[str, dict[tuple[str, ErrorMeasure], Claim]] = {}
    for folder, task, results in parts:
        world = task if tasks.count(task) == 1 else f"{task} ({folder})"
        of_task = results.select(task=task)
        has = [measure for measure in ERROR_MEASURES if measure == "greedy" or of_task.has_samples]
        measures[world] = tuple(has)
        for measure in has:
            study = Studies(of_task.measured_by(measure, folder), n_draws).of(task)
            for claim in of_study(study):
                claims.setdefault(claim.claim, {})[world, measure] = claim
    return WorldLedger(tuple(measures), measures, claims)
