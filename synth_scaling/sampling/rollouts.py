"""Responses, and completions of prefixes, from an engine: what is sampled is graded at once and comes back as rows."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from synth_scaling.core.flops import sampling_flops
from synth_scaling.core.records import PrefixValue, Problem, Response
from synth_scaling.core.stage import Cost
from synth_scaling.credit import Draw, Prefix, Search, asked_prefixes, from_rollouts, learned
from synth_scaling.models.codec import Codec
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.tasks.task import Task, grade_all

log = logging.getLogger("synth_scaling")


def sample_responses(
    engine: Engine,
    task: Task,
    codec: Codec,
    problems: Sequence[Problem],
    parameters: int,
    *,
    n: int,
    temperature: float,
    seed: int,
) -> tuple[list[Response], Cost]:
    """`n` graded responses of each problem, in the order of the problems, then of the draws.

    `parameters` is the policy's size, for the cost. A response cut at the task's limit is wrong.
    """
    prompts = [codec.encode_prompt(problem) for problem in problems]
    limits = [task.max_response_tokens] * len(prompts)
    sampled = engine.sample(prompts, n=n, temperature=temperature, max_tokens=limits, seed=seed)
    drawn = [(p, i, c) for p, completions in zip(problems, sampled, strict=True) for i, c in enumerate(completions)]
    right = _right(task, codec, [(problem, (), completion) for problem, _, completion in drawn])
    rows = [
        Response(problem.id, i, c.tokens, c.finished, int(reward))
        for (problem, i, c), reward in zip(drawn, right, strict=True)
    ]
    return rows, _cost(parameters, prompts, [row.tokens for row in rows])


def sample_completions(
    engine: Engine,
    task: Task,
    codec: Codec,
    problems: Mapping[str, Problem],
    draws: Mapping[Prefix, int],
    parameters: int,
    *,
    temperature: float,
    seed: int,
    begun: Mapping[Prefix, int] | None = None,
) -> tuple[list[Draw], Cost]:
    """So many graded completions of each prefix, in the order of the prefixes, which are continued as token ids.

    `begun` is how many of a prefix were sampled with this seed already, where completions are numbered: these are the
    next. What they cost counts a prefix's own tokens once, however many completions it has.
    """
    encoded = {id: codec.encode_prompt(problem) for id, problem in problems.items()}
    n = gcd(*draws.values())  # completions a request: prefixes that want more of them are put as often as it takes
    requests = [(prefix, i * n) for prefix, wanted in draws.items() for i in range(wanted // n)]
    prefixes, first = [prefix for prefix, _ in requests], [(begun or {}).get(prefix, 0) + i for prefix, i in requests]
    prompts = [encoded[problem] + tokens for problem, tokens in prefixes]
    limits = [task.max_response_tokens - len(tokens) for _, tokens in prefixes]
    sampled = engine.sample(prompts, n=n, temperature=temperature, max_tokens=limits, seed=seed, first=first)
    drawn = [(id, tokens, c) for (id, tokens), cs in zip(prefixes, sampled, strict=True) for c in cs]
    rewards = _right(task, codec, [(problems[id], tokens, c) for id, tokens, c in drawn])
    rows = [
        Draw(Response(id, i, tokens + c.tokens, c.finished, int(reward)), len(tokens))
        for i, ((id, tokens, c), reward) in enumerate(zip(drawn, rewards, strict=True))
    ]
    return rows, _cost(parameters, [encoded[id] + tokens for id, tokens in draws], [c.tokens for _, _, c in drawn])


@dataclass(frozen=True)
class Found:
    """What a search came to know, how many completions of which prefix it drew, in how many rounds, at what cost."""

    known: Mapping[Prefix, PrefixValue]
    sampled: Counter[Prefix]
    rounds: int
    cost: Cost


def search_values(
    engine: Engine,
    task: Task,
    codec: Codec,
    problems: Mapping[str, Problem],
    responses: Sequence[Response],
    ends: Sequence[Sequence[int]],
    search: Search,
    rollouts: Sequence[Response],
    parameters: int,
    *,
    temperature: float,
    seeds: Callable[[int], int],
) -> Found:
    """Values of the responses' prefixes, sampled in rounds until `search` asks for no more.

    `seeds` gives the seed of a round, counted from 0. `rollouts`, the problems' initial ones at the same temperature,
    count as completions where the search reuses them.
    """
    asked = asked_prefixes(responses, ends) if search.reuse else None
    known = from_rollouts(rollouts, asked) if asked is not None else {}
    sampled: Counter[Prefix] = Counter()
    total, rounds = Cost(), 0
    while draws := search.next_draws(responses, ends, known):
        assert min(draws.values()) > 0
        found, cost = sample_completions(
            engine,
            task,
            codec,
            problems,
            draws,
            parameters,
            temperature=temperature,
            seed=seeds(rounds),
            begun=sampled,
        )
        known = learned(known, found, asked)
        sampled.update(draws)
        total, rounds = total + cost, rounds + 1
    return Found(known, sampled, rounds, total)


def _right(task: Task, codec: Codec, completed: Sequence[tuple[Problem, tuple[int, ...], Completion]]) -> list[bool]:
    """Whether each prefix with its completion is a right response; one that did not end is not."""
    pairs = [(problem, codec.decode(prefix + c.tokens)) for problem, prefix, c in completed if c.finished]
    grades = grade_all(task, pairs)
    if grades.over_bound:
        log.warning(
            "task=%s: the grading of %d of %d responses hit its bound; they count as wrong",
            *(task.name, grades.over_bound, len(pairs)),
        )
    rewards = iter(grades.rewards)
    return [c.finished and next(rewards) for _, _, c in completed]


def _cost(parameters: int, prompts: Sequence[Sequence[int]], sampled: Sequence[Sequence[int]]) -> Cost:
    begun, tokens = sum(map(len, prompts)), sum(map(len, sampled))
    flops = sampling_flops(parameters, begun, tokens)
    return Cost(tokens_sampled=tokens, flops_sampling=flops, tokens_prompted=begun)
