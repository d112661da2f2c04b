"""`engine.seeds=request`: a prompt's i-th completion depends on the prompt, i and the seed, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import AutoModelForCausalLM

from synth_scaling.models.codec import Codec
from synth_scaling.sampling.draws import request_seed
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.sampling.factory import engine_for
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.sampling.replicas import Replicas
from synth_scaling.tasks.maze import Maze

pytestmark = pytest.mark.slow

EOS, LIMIT = 1, 12
NUMBERED = EngineOptions(max_num_seqs=256, max_batched_tokens=4096, memory_gib=1, seeds="request")
Prompt = tuple[int, ...]
Rows = list[list[Completion]]


@pytest.fixture(scope="module")
def numbered(pretrained: Path) -> Iterator[Engine]:
    engine = engine_for(NUMBERED)
    engine.load(pretrained)
    yield engine


@pytest.fixture(scope="module")
def prompts(small_maze: Maze, codec: Codec) -> list[Prompt]:
    """Prompts of many lengths: with the first 0 to 4 steps of a solution."""
    rng, actual = np.random.default_rng(0), []
    for i, problem in enumerate(small_maze.problems("test", 120, 0)):
        solution = codec.encode(small_maze.teacher(problem, rng))
        actual.append(codec.encode(problem.prompt) + solution[: min(i % 5, len(solution) - 1)])
    return actual


def sample(
    engine: Engine,
    prompts: Sequence[Prompt],
    n: int,
    first: Sequence[int] | None = None,
    seed: int = 0,
    temperature: float = 1.0,
) -> Rows:
    limits = [LIMIT] * len(prompts)
    return engine.sample(prompts, n=n, temperature=temperature, max_tokens=limits, seed=seed, first=first)


def same(one: Rows, other: Rows) -> bool:
    """But for ties that the rounding of another batch decides otherwise: one completion in a thousand at most."""
    pairs = [(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)]
    return sum(a != b for a, b in pairs) <= len(pairs) / 1000


def test_the_same_whatever_is_sampled_beside_them_and_in_whatever_portions(
    numbered: Engine, prompts: list[Prompt]
) -> None:
    whole = sample(numbered, prompts, 16)
    assert sample(numbered, prompts, 16) == whole
    assert same(sample(numbered, prompts[::-1], 16)[::-1], whole)
    assert same(sample(numbered, prompts[40:60], 16), whole[40:60])
    some = sample(numbered, prompts, 5)
    rest = sample(numbered, prompts, 11, first=[5] * len(prompts))
    assert same([a + b for a, b in zip(some, rest, strict=True)], whole)
    later = [i % 4 for i in range(len(prompts))]
    actual = sample(numbered, prompts, 12, first=later)
    assert same(actual, [row[i : i + 12] for i, row in zip(later, whole, strict=True)])
    assert not same(actual, [row[:12] for row in whole])


def test_another_seed_draws_others_and_prompts_do_not_share_theirs(numbered: Engine, prompts: list[Prompt]) -> None:
    assert not same(sample(numbered, prompts, 4, seed=1), sample(numbered, prompts, 4))
    assert len({request_seed(seed, prompt) for prompt in prompts for seed in (0, 1)}) == 2 * len(set(prompts))
    greedy = [sample(numbered, prompts, 1, seed=seed, temperature=0.0) for seed in (0, 1)]
    assert greedy[0] == greedy[1]


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_first_tokens_come_with_the_softmax_probabilities_of_transformers(
    temperature: float, numbered: Engine, pretrained: Path, prompts: list[Prompt]
) -> None:
    """Completions whose seeds follow one another are independent draws of them."""
    model = AutoModelForCausalLM.from_pretrained(pretrained, dtype=torch.float32)
    n, p_values = 2000, []
    for prompt, row in zip(prompts[:5], sample(numbered, prompts[:5], n, temperature=temperature), strict=True):
        drawn = [c.tokens[0] if c.tokens else EOS for c in row]
        with torch.no_grad():
            logits = model(torch.tensor([prompt])).logits[0, -1].double()
        expected = n * (logits / temperature).softmax(dim=0).numpy()
        counts = np.bincount(drawn, minlength=len(expected)).astype(float)
        order = np.argsort(expected)
        rare = max(1, int((expected < 5).sum()))  # joined to one class, as the test's approximation wants
        classes = [np.append(x[order][:rare].sum(), x[order][rare:]) for x in (counts, expected)]
        p_values.append(chisquare(*classes).pvalue)
        # No draw tells of the next one: as many neighbours are alike as of independent draws.
        alike = float(np.mean([a == b for a, b in pairwise(drawn)]))
        chance = float(((expected / n) ** 2).sum())
        assert abs(alike - chance) < 5 * np.sqrt(chance * (1 - chance) / n) + 1e-3
    assert min(p_values) > 1e-3


def test_rows_do_not_depend_on_the_shards(
    pretrained: Path, numbered: Engine, codec: Codec, small_maze: Maze, prompts: list[Prompt]
) -> None:
    actual = []
    for shard in (7, 50):
        engines = Replicas(replace(NUMBERED, shard=shard, replicas=2))
        engines.load(pretrained)
        actual.append(sample(engines, prompts, 8, first=[3] * len(prompts)))
        engines.close()
    assert same(*actual) and same(actual[0], sample(numbered, prompts, 8, first=[3] * len(prompts)))
