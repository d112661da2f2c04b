"""The claims ledger: the verdict of a study on each claim of the paper and of this project.

One file per group of claims; a verdict follows from a rule on a 95 % interval, which the claim states.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.claims import (
    credit,
    difficulty,
    kappas,
    multiples,
    negatives,
    pairs,
    positives,
    power_law,
    spurious,
    star_graph,
)
from analysis.claims.claim import Claim, Verdict
from analysis.study.studies import STAR_GRAPH, Studies
from analysis.study.study import Study

__all__ = ["CLAIMS", "Claim", "Verdict", "claims", "of_study"]

# In the order of the ledger.
CLAIMS: tuple[Callable[[Study], list[Claim]], ...] = (
    power_law.claims,
    multiples.self_generated,
    positives.claims,
    pairs.random_pairs,
    multiples.per_step,
    pairs.beyond_positives,
    difficulty.claims,
    spurious.claims,
    credit.over_trained,
    credit.too_few_rollouts,
    pairs.same_optimum,
    negatives.negatives_share,
    negatives.exchange_rates,
    kappas.claims,
)


def claims(studies: Studies) -> list[Claim]:
    """The ledger of every task: the star graph has separate claims, every other task has all the others.

    Raises:
        InputError: two runs of one seed at one point.
    """
    tasks = [*(task for task in studies.tasks if task != STAR_GRAPH), STAR_GRAPH]
    return [
        claim
        for task in tasks
        for claim in (of_study(studies.of(task)) if task in studies.tasks else star_graph.not_run())
    ]


def of_study(study: Study) -> list[Claim]:
    """The claims of one task. Raises InputError as `claims` does."""
    if study.task == STAR_GRAPH:
        return star_graph.claims(study)
    return [claim for ask in CLAIMS for claim in ask(study)]
