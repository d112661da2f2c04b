"""Graded responses, and graded completions of prefixes, sampled from one policy."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from synth_scaling.core.flops import sampling_flops
from synth_scaling.core.records import Problem, Response
from synth_scaling.core.stage import Cost
from synth_scaling.credit import Draw, Prefix
from synth_scaling.models.codec import Codec
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.tasks.task import Task, grade_all

log = logging.getLogger("synth_scaling")


@dataclass(frozen=True)
class Sampler:
    """Samples from one policy at one temperature, and grades every response with the task."""

    engine: Engine  # the policy's checkpoint is loaded
    task: Task
    codec: Codec
    parameters: int  # of the policy, as counted by core.flops.matmul_parameters; for the cost
    temperature: float  # 0: greedy
    seed: int

    def responses(self, problems: Sequence[Problem], n: int) -> tuple[list[Response], Cost]:
        """`n` responses per problem, in the order of the problems, then of the samples.

        A response that is cut at the task's limit counts as incorrect.
        """
        prompts = [self.codec.encode_prompt(problem) for problem in problems]
        limits = [self.task.max_response_tokens] * len(prompts)
        sampled = self.engine.sample(prompts, n=n, temperature=self.temperature, max_tokens=limits, seed=self.seed)
        samples = [
            (problem, i, completion)
            for problem, completions in zip(problems, sampled, strict=True)
            for i, completion in enumerate(completions)
        ]
        correct = self._correct([(problem, (), completion) for problem, _, completion in samples])
        rows = [
            Response(problem.id, i, c.tokens, c.finished, int(reward))
            for (problem, i, c), reward in zip(samples, correct, strict=True)
        ]
        return rows, self._cost(prompts, [row.tokens for row in rows])

    def completions(
        self,
        problems: Mapping[str, Problem],
        draws: Mapping[Prefix, int],
        seed: int | None = None,
        drawn_before: Mapping[Prefix, int] | None = None,
    ) -> tuple[list[Draw], Cost]:
        """`draws[prefix]` completions of each prefix, in the order of the prefixes, which are continued as token ids.

        `seed` replaces the sampler's. With an engine that numbers completions, those of a prefix start at number
        `drawn_before[prefix]` (0). The cost counts a prefix's tokens once, whatever its number of completions.
        """
        encoded = {id: self.codec.encode_prompt(problem) for id, problem in problems.items()}
        n = gcd(*draws.values())  # completions per request; a prefix that needs more is requested several times
        requests = [(prefix, i * n) for prefix, total in draws.items() for i in range(total // n)]
        prefixes = [prefix for prefix, _ in requests]
        first = [(drawn_before or {}).get(prefix, 0) + i for prefix, i in requests]
        sampled = self.engine.sample(
            [encoded[problem] + tokens for problem, tokens in prefixes],
            n=n,
            temperature=self.temperature,
            max_tokens=[self.task.max_response_tokens - len(tokens) for _, tokens in prefixes],
            seed=self.seed if seed is None else seed,
            first=first,
        )
        samples = [(id, tokens, c) for (id, tokens), cs in zip(prefixes, sampled, strict=True) for c in cs]
        correct = self._correct([(problems[id], tokens, c) for id, tokens, c in samples])
        rows = [
            Draw(Response(id, i, tokens + c.tokens, c.finished, int(reward)), len(tokens))
            for i, ((id, tokens, c), reward) in enumerate(zip(samples, correct, strict=True))
        ]
        return rows, self._cost([encoded[id] + tokens for id, tokens in draws], [c.tokens for _, _, c in samples])

    def _correct(self, samples: Sequence[tuple[Problem, tuple[int, ...], Completion]]) -> list[bool]:
        """Whether each prefix with its completion is a correct response; an unfinished one is incorrect."""
        pairs = [(problem, self.codec.decode(prefix + c.tokens)) for problem, prefix, c in samples if c.finished]
        grades = grade_all(self.task, pairs)
        if grades.over_bound:
            log.warning(
                "task=%s: the grading of %d of %d responses hit its bound; they count as incorrect",
                *(self.task.name, grades.over_bound, len(pairs)),
            )
        rewards = iter(grades.rewards)
        return [c.finished and next(rewards) for _, _, c in samples]

    def _cost(self, prompts: Sequence[Sequence[int]], sampled: Sequence[Sequence[int]]) -> Cost:
        prompt_tokens, sampled_tokens = sum(map(len, prompts)), sum(map(len, sampled))
        flops = sampling_flops(self.parameters, prompt_tokens, sampled_tokens)
        return Cost(tokens_sampled=sampled_tokens, flops_sampling=flops, tokens_prompted=prompt_tokens)
