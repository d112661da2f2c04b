"""The claims ledger: the verdict of a study on each claim of the paper and of this project.

One file per group of claims; a verdict follows from a rule on a 95 % interval, which the claim states.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.claims import (
    credit,
    difficulty,
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

__all__ = ["CLAIMS", "Claim", "Verdict", "claims"]

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
)


def claims(studies: Studies) -> list[Claim]:
    """The ledger of every task: the star graph has separate claims, every other task has all the others.

    Raises:
        InputError: two runs of one seed at one point.
    """
    ledger: list[Claim] = []
    for task in studies.tasks:
        if task != STAR_GRAPH:
            ledger += [claim for ask in CLAIMS for claim in ask(studies.of(task))]
    star = star_graph.claims(studies.of(STAR_GRAPH)) if STAR_GRAPH in studies.tasks else star_graph.not_run()
    return ledger + star
