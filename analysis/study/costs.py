"""What the runs of a study cost, alone and as they share: `python -m analysis costs RESULTS`.

A stage is told by its hash. One that k runs need is made once, and each of them bears 1/k of it: so the runs' shares
add up to what the study took, and do not depend on which run happened to be first, as charging the maker would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.data.results import Results
from analysis.errors import InputError

PRETRAINING = "base"  # the stage whose cost would hide every other's
FIELDS = ("label", "hashes", "costs", "seconds")


@dataclass(frozen=True)
class Spent:
    """FLOPs of training and sampling, and seconds of the making as they were measured."""

    flops: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.flops + other.flops, self.seconds + other.seconds)

    def __truediv__(self, parts: int) -> Spent:
        return Spent(self.flops / parts, self.seconds / parts)


@dataclass(frozen=True)
class LabelCost:
    """What the runs of a label cost.

    Attributes:
        alone: each run with an empty store.
        shared: each run with its parts of the stages that it shares.
        own: the stages that no other label needs, once each: what the study would save without the label.
    """

    label: str
    runs: int
    alone: Spent
    shared: Spent
    own: Spent


@dataclass(frozen=True)
class StudyCost:
    """What a study cost: by label; each run with an empty store; every stage once."""

    labels: tuple[LabelCost, ...]
    alone: Spent
    once: Spent


def study_cost(results: Results, leave_out: Collection[str] = ()) -> StudyCost:
    """Add up the stages of all rows but those of the names `leave_out`.

    Raises:
        InputError: rows that do not tell their stages' hashes, costs and seconds.
    """
    runs: list[tuple[str, Mapping[str, Spent]]] = []
    if missing := set(FIELDS) - set(results.rows):
        raise InputError(f"the rows do not tell their {', '.join(sorted(missing))}")
    for row in results.rows[["run", *FIELDS]].to_dict("records"):
        if not all(isinstance(row[field], dict) for field in FIELDS[1:]):
            raise InputError(f"run {row['run']} does not tell the hashes, costs and seconds of its stages")
        runs.append((str(row["label"]), _stages(row, leave_out)))
    users = Counter(digest for _, stages in runs for digest in stages)
    needed: dict[str, set[str]] = {}
    for label, stages in runs:
        for digest in stages:
            needed.setdefault(digest, set()).add(label)
    made = {digest: spent for _, stages in runs for digest, spent in stages.items()}
    labels = []
    for label in sorted({label for label, _ in runs}):
        its = [stages for own, stages in runs if own == label]
        labels.append(
            LabelCost(
                label,
                len(its),
                alone=sum((spent for stages in its for spent in stages.values()), Spent()),
                shared=sum((spent / users[digest] for stages in its for digest, spent in stages.items()), Spent()),
                own=sum((spent for digest, spent in made.items() if needed[digest] == {label}), Spent()),
            )
        )
    alone = sum((one.alone for one in labels), Spent())
    return StudyCost(tuple(labels), alone, sum(made.values(), Spent()))


def _stages(row: Mapping[Any, Any], leave_out: Collection[str]) -> dict[str, Spent]:
    """A run's distinct stages by hash; one may go by two names in it."""
    return {
        digest: Spent(row["costs"][name]["flops_training"] + row["costs"][name]["flops_sampling"], row["seconds"][name])
        for name, digest in row["hashes"].items()
        if name not in leave_out
    }
