"""A Markov chain whose V, Q and A are known exactly, sampled by a plain-Python engine; for the tests of step values.

A response is four moves of two tokens each, `r.` (right) or `w.` (wrong), and is right iff at most one is wrong. The
chance of a wrong move is 0.3, or 0.6 after a wrong one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from synth_scaling import credit
from synth_scaling.core.records import PrefixValue, Problem, Response
from synth_scaling.core.stage import Cost
from synth_scaling.models.codec import step_ends
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.sampling.sampler import Sampler
from synth_scaling.sampling.search import SearchResult, search_values

MOVES, END = 4, ""


class TwoLives:
    """The task. Its problems differ by name only."""

    name = "two_lives"
    max_prompt_tokens = 1

    def __init__(self, max_response_tokens: int = 2 * MOVES) -> None:
        self.max_response_tokens = max_response_tokens

    def problems(self, split: str, n: int | None, seed: int) -> list[Problem]:
        return [Problem(f"{split}/{i}", "?", "", MOVES) for i in range(n or 0)]

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        return "r." * MOVES

    def grade(self, problem: Problem, response: str) -> bool:
        return response.count("w") <= 1

    def steps(self, response: str) -> list[str]:
        return [response[i : i + 2] for i in range(0, len(response), 2)] or [""]


class Characters:
    """A codec: one token a character."""

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(map(ord, text))

    def encode_prompt(self, problem: Problem) -> tuple[int, ...]:
        return self.encode(problem.prompt)

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))

    def step_ends(self, task: TwoLives, tokens: Sequence[int]) -> tuple[int, ...]:
        text = self.decode(tokens)
        return step_ends(task.steps(text), list(text))


class ChainEngine(Engine):
    """Samples the chain token by token; `numbered` as an engine does with `engine.seeds=request`."""

    def __init__(self, numbered: bool = False) -> None:
        self.numbered = numbered
        self.prompts_seen: list[tuple[int, ...]] = []

    def load(self, checkpoint: Path) -> None:
        raise AssertionError("nothing to load")

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        n: int,
        temperature: float,
        max_tokens: Sequence[int],
        seed: int,
        first: Sequence[int] | None = None,
    ) -> list[list[Completion]]:
        one = np.random.default_rng(seed)
        self.prompts_seen += [tuple(prompt) for prompt in prompts]
        actual = []
        for prompt, limit, number in zip(prompts, max_tokens, first or [0] * len(prompts), strict=True):
            selected = [np.random.default_rng([seed, number + i, *prompt]) if self.numbered else one for i in range(n)]
            actual.append([self._complete("".join(map(chr, prompt)), limit, rng) for rng in selected])
        return actual

    def _complete(self, prompt: str, limit: int, rng: np.random.Generator) -> Completion:
        text = prompt.removeprefix("?")
        before = len(text)
        while (token := next_token(text, rng)) != END:
            if len(text) - before == limit:
                return Completion(tuple(map(ord, text[before:])), False)
            text += token
        return Completion(tuple(map(ord, text[before:])), True)


def wrong_chance(text: str) -> float:
    return 0.6 if text.endswith("w.") else 0.3


def next_token(text: str, rng: np.random.Generator) -> str:
    if text.endswith(("r", "w")):
        return "."
    if len(text) == 2 * MOVES:
        return END
    return "w" if rng.random() < wrong_chance(text) else "r"


@cache
def value(text: str) -> float:
    """V of a prefix that ends with a move, exactly."""
    if len(text) == 2 * MOVES:
        return float(text.count("w") <= 1)
    wrong = wrong_chance(text)
    return wrong * value(text + "w.") + (1 - wrong) * value(text + "r.")


TASK: Any = TwoLives()
CODEC: Any = Characters()  # in place of a checkpoint's tokenizer
PROBLEMS = {problem.id: problem for problem in TASK.problems("train", 1, 0)}
NAME = next(iter(PROBLEMS))
TEXTS = ["".join(moves) for n in range(MOVES) for moves in itertools.product(("r.", "w."), repeat=n)]


def sampler(seed: int, task: Any = TASK, engine: ChainEngine | None = None) -> Sampler:
    """Samples the chain at temperature 1, as a policy of 10 parameters."""
    return Sampler(engine or ChainEngine(), task, CODEC, 10, temperature=1.0, seed=seed)


def values_of(
    draws: Mapping[credit.Prefix, int], seed: int, task: Any = TASK, engine: ChainEngine | None = None
) -> tuple[dict[credit.Prefix, PrefixValue], Cost]:
    """The Monte-Carlo values of some prefixes, and what they cost a model of 10 parameters."""
    rows, cost = sampler(seed, task, engine).completions(PROBLEMS, draws)
    return credit.learned({}, rows), cost


def sampled(n: int, seed: int, task: Any = TASK) -> list[Response]:
    rows, _ = sampler(seed, task).responses(list(PROBLEMS.values()), n)
    return rows


def ends_of(responses: Sequence[Response]) -> list[tuple[int, ...]]:
    return [CODEC.step_ends(TASK, response.tokens) for response in responses]


def searched(
    search: credit.Search,
    responses: Sequence[Response],
    seed: int,
    rollouts: Sequence[Response] = (),
    numbered: bool = False,
) -> SearchResult:
    """The result of a search, by the stage's function; with `numbered`, a prefix has the same completions always."""
    chain = sampler(seed, engine=ChainEngine(numbered))
    return search_values(chain, PROBLEMS, responses, ends_of(responses), search, rollouts)
