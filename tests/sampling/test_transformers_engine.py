"""`engine=transformers` draws the tokens that vLLM draws, and numbers its completions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest
from transformers import AutoModelForCausalLM

from synth_scaling.core.validation import ConfigError
from synth_scaling.models.codec import Codec
from synth_scaling.sampling.draws import gumbel, request_seed, token_seeds
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.sampling.factory import engine_for
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.sampling.transformers_engine import TransformersEngine
from synth_scaling.tasks.maze import Maze

EOS, LIMIT = 1, 12
OPTIONS = EngineOptions(name="transformers", seeds="request")
Prompt = tuple[int, ...]
Rows = list[list[Completion]]


@pytest.fixture(scope="module")
def ours(pretrained: Path) -> TransformersEngine:
    engine = TransformersEngine(OPTIONS)
    engine.load(pretrained)
    return engine


@pytest.fixture(scope="module")
def prompts(small_maze: Maze, codec: Codec) -> list[Prompt]:
    """Prompts of many lengths: with the first 0 to 4 steps of a solution."""
    rng, actual = np.random.default_rng(0), []
    for i, problem in enumerate(small_maze.problems("test", 120, 0)):
        solution = codec.encode(small_maze.teacher(problem, rng))
        actual.append(codec.encode(problem.prompt) + solution[: min(i % 5, len(solution) - 1)])
    return actual


def sample(engine: Engine, prompts: Sequence[Prompt], n: int, temperature: float, **more: Sequence[int]) -> Rows:
    limits = more.pop("limits", [LIMIT] * len(prompts))
    return engine.sample(prompts, n=n, temperature=temperature, max_tokens=limits, seed=5, **more)


def different(one: Rows, other: Rows) -> float:
    """The share of completions that are not equal."""
    pairs = [(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)]
    return sum(a != b for a, b in pairs) / len(pairs)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_completions_are_those_of_numbered_vllm(
    temperature: float, ours: TransformersEngine, pretrained: Path, prompts: list[Prompt]
) -> None:
    """Each prompt with a limit and first number of its own; near-ties that rounding decides apart."""
    theirs = engine_for(EngineOptions(max_num_seqs=256, max_batched_tokens=4096, memory_gib=1, seeds="request"))
    theirs.load(pretrained)
    first, limits = [i % 7 for i in range(len(prompts))], [3 + i % 10 for i in range(len(prompts))]
    actual, expected = (
        sample(e, prompts, 8 if temperature else 1, temperature, first=first, limits=limits) for e in (ours, theirs)
    )
    assert different(actual, expected) <= 0.002
    finished = np.mean([c.finished for row in expected for c in row])
    assert 0.05 < finished < 0.95 and different(actual, actual[1:] + actual[:1]) > 0.5


def test_a_completion_is_the_same_in_whatever_batch_and_portion(
    ours: TransformersEngine, pretrained: Path, prompts: list[Prompt]
) -> None:
    whole = sample(ours, prompts, 12, 1.0)
    assert sample(ours, prompts, 12, 1.0) == whole
    some, rest = sample(ours, prompts, 5, 1.0), sample(ours, prompts, 7, 1.0, first=[5] * len(prompts))
    assert different([a + b for a, b in zip(some, rest, strict=True)], whole) <= 0.001
    small = TransformersEngine(replace(OPTIONS, max_num_seqs=7))
    small.load(pretrained)
    assert different(sample(small, prompts[20:40], 12, 1.0), whole[20:40]) <= 0.005


def test_a_limit_cuts_what_a_higher_one_continues(ours: TransformersEngine, prompts: list[Prompt]) -> None:
    """One that ends exactly at its limit is finished."""
    free = sample(ours, prompts, 2, 1.0, limits=[30] * len(prompts))
    limits = [len(row[0].tokens) - i % 2 for i, row in enumerate(free)]
    for row, cut, limit in zip(free, sample(ours, prompts, 2, 1.0, limits=limits), limits, strict=True):
        for whole, part in zip(row, cut, strict=True):
            kept = whole.tokens[:limit]
            assert part == Completion(kept, whole.finished and len(whole.tokens) <= limit)


def test_log_probabilities_are_those_of_the_model_at_the_temperature(
    ours: TransformersEngine, pretrained: Path, prompts: list[Prompt]
) -> None:
    model = AutoModelForCausalLM.from_pretrained(pretrained, dtype=torch.float32)
    rows = ours.scored(prompts[:20], temperature=0.7, max_tokens=LIMIT, seed=3)
    assert any(row.tokens[-1] == EOS for row in rows)
    for prompt, row in zip(prompts, rows, strict=False):
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *row.tokens]])).logits[0, len(prompt) - 1 : -1] / 0.7
        expected = logits.log_softmax(dim=1)[range(len(row.tokens)), list(row.tokens)]
        assert np.allclose(row.log_probs, expected.numpy(), atol=1e-4)


def test_loading_another_checkpoint_samples_from_it(
    ours: TransformersEngine, pretrained: Path, random_model: Path, prompts: list[Prompt]
) -> None:
    before = sample(ours, prompts, 2, 1.0)
    ours.load(random_model)
    assert different(sample(ours, prompts, 2, 1.0), before) > 0.5
    ours.close()
    ours.load(pretrained)
    assert sample(ours, prompts, 2, 1.0) == before


def test_splitmix_has_its_published_values() -> None:
    """The first outputs of SplitMix64 with seed 0 are 0xE220A8397B1DCDAF, ...; mixing twice is the noise of a token."""
    key = np.array([0], dtype=np.uint64)  # the finalizer keeps 0
    bits = (0xE220A8397B1DCDAF >> 11, 0x6E789E6AA1B965F4 >> 11)
    expected = [-math.log(-math.log((value + 0.5) / 2**53)) for value in bits]
    assert np.allclose(gumbel(key, 2)[0], expected, rtol=1e-12)


def test_noise_is_gumbels_and_independent() -> None:
    noise = gumbel(token_seeds([7, 8, 9], 400).ravel(), 31)
    assert kstest(noise.ravel(), "gumbel_r").pvalue > 1e-3
    assert abs(np.corrcoef(noise.T) - np.eye(31)).max() < 5 / np.sqrt(len(noise))


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=4), st.integers(1, 20), st.integers(1, 20))
def test_the_first_seeds_are_the_same_for_every_length(seeds: list[int], short: int, more: int) -> None:
    assert (token_seeds(seeds, short + more)[:, :short] == token_seeds(seeds, short)).all()


def test_seeds_differ_by_prompt_and_seed() -> None:
    assert len({request_seed(seed, prompt) for seed in (0, 1) for prompt in ((1,), (1, 2), (2, 1))}) == 6


@pytest.mark.parametrize("changed", [{"seeds": "call"}, {"shard": 8}, {"by_turns": True}])
def test_what_only_vllm_can_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"engine.{next(iter(changed))}=.*allowed with engine.name=transformers"):
        engine_for(replace(OPTIONS, **changed))
