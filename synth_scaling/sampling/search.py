"""Step values by Monte Carlo rollouts per prefix, in rounds that a search of :mod:`synth_scaling.credit` asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synth_scaling.core.records import PrefixValue, Problem, Response
from synth_scaling.core.seeds import seed_of
from synth_scaling.core.stage import Cost
from synth_scaling.credit import Prefix, Search, asked_prefixes, from_rollouts, learned
from synth_scaling.sampling.sampler import Sampler


@dataclass(frozen=True)
class SearchResult:
    """Estimated values of prefixes, and the cost of the estimation."""

    values: Mapping[Prefix, PrefixValue]
    completions: Counter[Prefix]  # sampled per prefix
    rounds: int
    cost: Cost


def search_values(
    sampler: Sampler,
    problems: Mapping[str, Problem],
    responses: Sequence[Response],
    ends: Sequence[Sequence[int]],
    search: Search,
    rollouts: Sequence[Response] = (),
) -> SearchResult:
    """Values of the prefixes of `responses`, sampled in rounds until `search` asks for no more.

    `ends` are the token counts after each step of a response. `rollouts`, the initial responses to the problems at the
    same temperature, count as completions if the search reuses them.
    """
    asked = asked_prefixes(responses, ends) if search.reuse else None
    values = from_rollouts(rollouts, asked) if asked is not None else {}
    completions: Counter[Prefix] = Counter()
    cost, rounds = Cost(), 0
    while draws := search.next_draws(responses, ends, values):
        assert min(draws.values()) > 0
        # Numbered completions continue from round to round; without numbers, the same seed would repeat the samples.
        seed = sampler.seed if sampler.engine.numbered else seed_of(sampler.seed, rounds)
        rows, round_cost = sampler.completions(problems, draws, seed, completions)
        values = learned(values, rows, asked)
        completions.update(draws)
        cost, rounds = cost + round_cost, rounds + 1
    return SearchResult(values, completions, rounds, cost)
