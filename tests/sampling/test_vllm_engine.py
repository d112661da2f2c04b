"""The vLLM engine against transformers: the same greedy tokens, the same distribution, and always the same draws."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import AutoModelForCausalLM, PreTrainedModel

from synth_scaling.models.codec import Codec
from synth_scaling.models.tiny_llama import TinyLlama, create_tiny_llama
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.tasks.collect import Collect, CollectOptions
from synth_scaling.tasks.maze import Maze

EOS = 1
Prompt = tuple[int, ...]


@pytest.fixture(scope="module")
def model(pretrained: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(pretrained, dtype=torch.float32)


@pytest.fixture(scope="module")
def prompts(small_maze: Maze, codec: Codec) -> list[Prompt]:
    return [codec.encode(problem.prompt) for problem in small_maze.problems("test", None, 0)]


@pytest.fixture(scope="module")
def prefixes(small_maze: Maze, codec: Codec, prompts: list[Prompt]) -> list[Prompt]:
    """The prompts with the first 0 to 4 steps of a solution: prompts of many lengths."""
    rng = np.random.default_rng(0)
    solutions = [codec.encode(small_maze.teacher(p, rng)) for p in small_maze.problems("test", None, 0)]
    return [
        prompt + solution[: min(i % 5, len(solution) - 1)]
        for i, (prompt, solution) in enumerate(zip(prompts, solutions, strict=True))
    ]


@pytest.fixture
def loaded(engine: Engine, pretrained: Path) -> Engine:
    engine.load(pretrained)
    return engine


def sample(
    engine: Engine, prompts: Sequence[Prompt], n: int = 1, temperature: float = 1.0, limit: int = 12, seed: int = 0
) -> list[list[Completion]]:
    return engine.sample(prompts, n=n, temperature=temperature, max_tokens=[limit] * len(prompts), seed=seed)


# -- greedy --------------------------------------------------------------------------------------------------------


def generate(model: PreTrainedModel, prompts: Sequence[Prompt], limit: int) -> list[Completion]:
    """Greedy `generate` of transformers, prompts of one length at a time, so that nothing is padded."""
    actual: dict[int, Completion] = {}
    for length in {len(prompt) for prompt in prompts}:
        rows = [i for i, prompt in enumerate(prompts) if len(prompt) == length]
        ids = torch.tensor([prompts[i] for i in rows])
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=limit + 1, eos_token_id=EOS
        )
        for i, tokens in zip(rows, out[:, length:].tolist(), strict=True):
            end = tokens.index(EOS) if EOS in tokens else None
            actual[i] = (
                Completion(tuple(tokens[:end]), True) if end is not None else Completion(tuple(tokens[:limit]), False)
            )
    return [actual[i] for i in range(len(prompts))]


def is_tie(model: PreTrainedModel, prompt: Prompt, ours: Completion, theirs: Completion) -> bool:
    """At the first difference of the two, the two best logits differ by less than float32's rounding error."""
    a, b = ([*c.tokens, *([EOS] if c.finished else [])] for c in (ours, theirs))
    first = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    with torch.no_grad():
        best = model(torch.tensor([[*prompt, *a[:first]]])).logits[0, -1].topk(2)
    return bool(best.values[0] - best.values[1] < 1e-4) and {a[first], b[first]} == set(best.indices.tolist())


@pytest.mark.parametrize("kind", ["prompts", "prefixes"])
def test_greedy_responses_are_those_of_transformers_token_by_token(
    kind: str, loaded: Engine, model: PreTrainedModel, request: pytest.FixtureRequest
) -> None:
    texts: list[Prompt] = request.getfixturevalue(kind)
    ours = [completions[0] for completions in sample(loaded, texts, temperature=0.0)]
    theirs = generate(model, texts, limit=12)
    different = [i for i in range(len(texts)) if ours[i] != theirs[i]]
    assert all(is_tie(model, texts[i], ours[i], theirs[i]) for i in different)
    assert len(different) < 0.01 * len(texts)
    assert len({c.tokens for c in ours}) > 0.5 * len(texts)  # not one answer to everything
    assert np.mean([c.finished for c in ours]) > 0.5


# -- what a completion is ------------------------------------------------------------------------------------------


def test_a_completion_never_holds_the_end_token_and_keeps_its_limit(loaded: Engine, prompts: list[Prompt]) -> None:
    completions = [c for row in sample(loaded, prompts, n=8, temperature=1.5, limit=9) for c in row]
    assert len(completions) == 8 * len(prompts)
    assert all(EOS not in c.tokens and len(c.tokens) <= 9 for c in completions)
    assert all(len(c.tokens) == 9 for c in completions if not c.finished)
    assert 0 < sum(c.finished for c in completions) < len(completions)
    assert any(c.finished and len(c.tokens) == 9 for c in completions)


def test_every_prompt_has_its_own_limit_and_one_that_ends_exactly_at_it_is_finished(
    loaded: Engine, prompts: list[Prompt]
) -> None:
    free = [row[0] for row in sample(loaded, prompts, temperature=0.0)]
    ended = [(prompt, c.tokens) for prompt, c in zip(prompts, free, strict=True) if c.finished and len(c.tokens) > 1]
    assert len(ended) > 100
    for slack in (0, -1, 1):
        limits = [len(tokens) + slack for _, tokens in ended]
        rows = loaded.sample([p for p, _ in ended], n=1, temperature=0.0, max_tokens=limits, seed=0)
        finished = slack >= 0
        expected = [Completion(t if finished else t[:-1], finished) for _, t in ended]
        assert [row[0] for row in rows] == expected


# -- reproducible --------------------------------------------------------------------------------------------------


def test_sampled_calls_are_bit_equal_again_whatever_the_engine_did_before(
    loaded: Engine, pretrained: Path, random_model: Path, prompts: list[Prompt], prefixes: list[Prompt]
) -> None:
    first = sample(loaded, prefixes, n=4, seed=7)
    assert sample(loaded, prefixes, n=4, seed=7) == first
    assert sample(loaded, prefixes, n=4, seed=8) != first

    sample(loaded, prompts, n=3, temperature=0.5, limit=5, seed=1)  # leaves prefixes in the cache
    sample(loaded, prefixes[:50], temperature=0.0)
    torch.rand(5)
    assert sample(loaded, prefixes, n=4, seed=7) == first

    loaded.load(random_model)
    assert sample(loaded, prefixes, n=4, seed=7) != first
    loaded.load(pretrained)
    assert sample(loaded, prefixes, n=4, seed=7) == first


def test_more_requests_than_fit_at_once_are_reproducible_too(loaded: Engine, prefixes: list[Prompt]) -> None:
    """200 prompts of 16 completions pass through 256 places: requests wait, are joined and leave in turn."""
    assert sample(loaded, prefixes, n=16, seed=3) == sample(loaded, prefixes, n=16, seed=3)


def test_swapped_weights_are_the_checkpoints_own(
    loaded: Engine, random_model: Path, pretrained: Path, prompts: list[Prompt]
) -> None:
    """Greedy tokens after a swap are those of transformers on that checkpoint; going back gives the old ones."""
    before = sample(loaded, prompts, temperature=0.0)
    check_greedy(loaded, random_model, prompts)
    loaded.load(pretrained)
    assert sample(loaded, prompts, temperature=0.0) == before


def test_a_path_with_the_wildcards_of_patterns_is_read_literally(
    loaded: Engine, random_model: Path, pretrained: Path, prompts: list[Prompt], tmp_path: Path
) -> None:
    """Weights are swapped from such a folder, and an engine of another context starts from one."""
    folder = tmp_path / "[lab] a*b? {c} 'd'"
    shutil.copytree(random_model, folder)
    check_greedy(loaded, folder, prompts)
    loaded.load(folder, context=40)
    assert sample(loaded, prompts, temperature=0.0, limit=6)
    loaded.load(pretrained)


# -- the distribution ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_first_tokens_come_with_the_softmax_probabilities_of_transformers(
    temperature: float, loaded: Engine, model: PreTrainedModel, prompts: list[Prompt]
) -> None:
    n, p_values = 2000, []
    for prompt, row in zip(
        prompts[:5], sample(loaded, prompts[:5], n=n, temperature=temperature, limit=1), strict=True
    ):
        drawn = [c.tokens[0] if c.tokens else EOS for c in row]
        counts = np.bincount(drawn, minlength=model.config.vocab_size).astype(float)
        with torch.no_grad():
            logits = model(torch.tensor([prompt])).logits[0, -1].double()
        expected = n * (logits / temperature).softmax(dim=0).numpy()
        assert np.abs(counts - expected).max() < 5 * np.sqrt(n) / 2
        order = np.argsort(expected)
        rare = max(1, int((expected < 5).sum()))  # joined to one class, as the test's approximation wants
        classes = [np.append(x[order][:rare].sum(), x[order][rare:]) for x in (counts, expected)]
        p_values.append(chisquare(*classes).pvalue)
    assert min(p_values) > 1e-3


def test_the_samples_of_a_prompt_differ_and_a_lower_temperature_makes_them_more_alike(
    loaded: Engine, prompts: list[Prompt]
) -> None:
    def distinct(temperature: float) -> float:
        return float(np.mean([len(set(row)) for row in sample(loaded, prompts[:50], n=16, temperature=temperature)]))

    cold, cool, warm = distinct(0.01), distinct(0.5), distinct(1.5)
    assert cold < 2 < cool < warm


# -- another architecture ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_checkpoint_of_another_architecture_restarts_the_engine_and_so_does_going_back(
    loaded: Engine, pretrained: Path, prompts: list[Prompt], tmp_path: Path
) -> None:
    """Of another vocabulary and shape; and of the same weights under another configuration."""
    before = sample(loaded, prompts, n=2, seed=5)

    collect = Collect(CollectOptions(n_test=20, n_validation=0))
    create_tiny_llama(tmp_path / "other", collect, TinyLlama(width=96, layers=1, heads=3, feedforward=64), seed=1)
    encode = Codec(tmp_path / "other").encode
    check_greedy(loaded, tmp_path / "other", [encode(problem.prompt) for problem in collect.problems("test", None, 0)])

    shutil.copytree(pretrained, tmp_path / "rotated")
    file = tmp_path / "rotated" / "config.json"
    config = json.loads(file.read_text())
    config["rope_parameters"]["rope_theta"] = 3.0
    file.write_text(json.dumps(config))
    loaded.load(pretrained)
    check_greedy(loaded, tmp_path / "rotated", prompts)

    loaded.load(pretrained)
    assert sample(loaded, prompts, n=2, seed=5) == before


def check_greedy(engine: Engine, checkpoint: Path, prompts: Sequence[Prompt]) -> None:
    """Load `checkpoint`: its greedy tokens are those of transformers."""
    engine.load(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    ours = [row[0] for row in sample(engine, prompts, temperature=0.0, limit=6)]
    theirs = generate(model, prompts, limit=6)
    assert all(a == b or is_tie(model, p, a, b) for p, a, b in zip(prompts, ours, theirs, strict=True))
