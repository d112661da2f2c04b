"""The claims ledger: for each claim of the paper, and of this project, what the rows of a study say.

One file a group of claims; a verdict is the consequence of a rule on a 95 % interval, which the claim carries.
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
from analysis.claims.evidence import Evidence
from analysis.data.results import Results
from analysis.defaults import DRAWS

__all__ = ["CLAIMS", "Claim", "Verdict", "claims"]

# In the order of the ledger.
CLAIMS: tuple[Callable[[Evidence], list[Claim]], ...] = (
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
    negatives.own_share,
    negatives.exchange_rates,
)


def claims(results: Results, draws: int = DRAWS) -> list[Claim]:
    """The ledger of every task in `results`: star_graph has claims of its own, every other task all the others.

    Raises:
        InputError: two runs of one seed at one point.
    """
    found: list[Claim] = []
    tasks = sorted(set(results.rows["task"]))
    for task in tasks:
        if task != star_graph.TASK:
            evidence = Evidence(results.select(task=task), task, draws)
            found += [claim for ask in CLAIMS for claim in ask(evidence)]
    if star_graph.TASK in tasks:
        return found + star_graph.claims(Evidence(results.select(task=star_graph.TASK), star_graph.TASK, draws))
    return found + star_graph.not_run()
