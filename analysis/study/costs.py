"""The costs of a study's runs, alone and with shared stages: `python -m analysis costs RESULTS`.

A stage is identified by its hash. A stage that k runs need is computed once, and each of them is charged 1/k of it. The
charges then add up to the cost of the study and do not depend on which run came first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.data.results import Results
from analysis.errors import InputError

PRETRAINING = "base"  # the stage that costs more than all others together
FIELDS = ("label", "hashes", "costs", "seconds")


@dataclass(frozen=True)
class Spent:
    """FLOPs of training and sampling, and the measured seconds of computing."""

    flops: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.flops + other.flops, self.seconds + other.seconds)

    def __truediv__(self, parts: int) -> Spent:
        return Spent(self.flops / parts, self.seconds / parts)


@dataclass(frozen=True)
class LabelCost:
    """The cost of a label's runs.

    Attributes:
        alone: each run with an empty store.
        shared: each run with its share of the stages that several runs need.
        exclusive: the stages that no other label needs, each once: the saving if the label were dropped.
    """

    label: str
    runs: int
    alone: Spent
    shared: Spent
    exclusive: Spent


@dataclass(frozen=True)
class StudyCost:
    """The cost of a study: by label; of every run with an empty store; of every stage once."""

    labels: tuple[LabelCost, ...]
    alone: Spent
    once: Spent


def study_cost(results: Results, leave_out: Collection[str] = ()) -> StudyCost:
    """The cost of all rows' stages, except those with the names `leave_out`.

    Raises:
        InputError: rows that do not record their stages' hashes, costs and seconds.
    """
    runs: list[tuple[str, Mapping[str, Spent]]] = []
    if missing := set(FIELDS) - set(results.rows):
        raise InputError(f"the rows do not record their {', '.join(sorted(missing))}")
    for row in results.rows[["run", *FIELDS]].to_dict("records"):
        if not all(isinstance(row[field], dict) for field in FIELDS[1:]):
            raise InputError(f"run {row['run']} does not record the hashes, costs and seconds of its stages")
        runs.append((str(row["label"]), _stages(row, leave_out)))
    users = Counter(digest for _, stages in runs for digest in stages)
    needed: dict[str, set[str]] = {}
    for label, stages in runs:
        for digest in stages:
            needed.setdefault(digest, set()).add(label)
    computed = {digest: spent for _, stages in runs for digest, spent in stages.items()}
    labels = []
    for label in sorted({label for label, _ in runs}):
        its = [stages for name, stages in runs if name == label]
        labels.append(
            LabelCost(
                label,
                len(its),
                alone=sum((spent for stages in its for spent in stages.values()), Spent()),
                shared=sum((spent / users[digest] for stages in its for digest, spent in stages.items()), Spent()),
                exclusive=sum((spent for digest, spent in computed.items() if needed[digest] == {label}), Spent()),
            )
        )
    alone = sum((one.alone for one in labels), Spent())
    return StudyCost(tuple(labels), alone, sum(computed.values(), Spent()))


def _stages(row: Mapping[Any, Any], leave_out: Collection[str]) -> dict[str, Spent]:
    """A run's distinct stages by hash; a stage may have two names in a run."""
    return {
        digest: Spent(row["costs"][name]["flops_training"] + row["costs"][name]["flops_sampling"], row["seconds"][name])
        for name, digest in row["hashes"].items()
        if name not in leave_out
    }
