"""Responses and step values from an engine: what is sampled is graded at once and comes back as rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from synth_scaling.codec import Codec
from synth_scaling.costs import sampling_flops
from synth_scaling.credit import Prefix
from synth_scaling.records import PrefixValue, Problem, Response
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.store import Cost
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


def sample_prefix_values(
    engine: Engine,
    task: Task,
    codec: Codec,
    problems: Mapping[str, Problem],
    prefixes: Sequence[Prefix],
    parameters: int,
    *,
    k: int,
    temperature: float,
    seed: int,
) -> tuple[list[PrefixValue], Cost]:
    """V of each prefix from `k` completions, with the distinct right ones; prefixes are continued as token ids."""
    encoded = {id: codec.encode_prompt(problem) for id, problem in problems.items()}
    prompts = [encoded[problem] + prefix for problem, prefix in prefixes]
    limits = [task.max_response_tokens - len(prefix) for _, prefix in prefixes]
    sampled = engine.sample(prompts, n=k, temperature=temperature, max_tokens=limits, seed=seed)
    drawn = [(id, prefix, c) for (id, prefix), cs in zip(prefixes, sampled, strict=True) for c in cs]
    rewards = iter(_right(task, codec, [(problems[id], prefix, c) for id, prefix, c in drawn]))
    rows = []
    for (id, prefix), completions in zip(prefixes, sampled, strict=True):
        right = [c.tokens for c in completions if next(rewards)]
        rows.append(PrefixValue(id, prefix, len(right) / k, k, tuple(dict.fromkeys(right))))
    return rows, _cost(parameters, prompts, [c.tokens for completions in sampled for c in completions])


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
