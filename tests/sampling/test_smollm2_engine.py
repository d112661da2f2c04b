"""A real language model in the engine: the trainers' log-probabilities and prompts, LoRA checkpoints, several ends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from vllm import SamplingParams

from synth_scaling.core.records import NLLRow, Problem, Response, ResponseValues
from synth_scaling.credit import learned
from synth_scaling.methods import METHODS, Graded
from synth_scaling.models.codec import Codec
from synth_scaling.models.prompts import PromptFormat
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.sampling.sampler import Sampler
from synth_scaling.training import nll, preference
from synth_scaling.training.batches import IGNORED, Pack, PadRight
from synth_scaling.training.nll import token_nll, train_nll
from synth_scaling.training.options import LoRAOptions, TrainerOptions
from synth_scaling.training.preference import train_preference
from synth_scaling.training.trainer import Training, load_model
from tests.support.additions import AdditionOptions, Additions

pytestmark = pytest.mark.slow

EOS = 2
CONTEXT = 128
TASK = Additions(AdditionOptions())


@pytest.fixture(scope="module")
def codec(smollm2: Path) -> Codec:
    return Codec(smollm2, PromptFormat("Question: {question}\nAnswer:\n"))


@pytest.fixture(scope="module")
def loaded(engine: Engine, smollm2: Path) -> Engine:
    engine.load(smollm2, CONTEXT)
    return engine


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return TASK.problems("train", 8, 0)


@pytest.fixture(scope="module")
def adapted(smollm2: Path, codec: Codec, problems: list[Problem], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for two steps with an adapter, merged."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("adapted")
    rows = [NLLRow(codec.encode_prompt(p), codec.encode(TASK.teacher(p, rng)), True) for p in problems[:4]]
    options = TrainerOptions(batch_size=4, logging_steps=1, lora=LoRAOptions(rank=4), packing=True)
    losses: list[float] = []
    train_nll(rows, Training(smollm2, 2, 2e-3, 0, options), folder, lambda point: losses.append(point["loss"]))
    assert losses[1] < losses[0] - 0.1
    return folder


def sampled_log_probs(engine: Any, prompts: list[tuple[int, ...]]) -> list[tuple[tuple[int, ...], bool, list[float]]]:
    """Tokens at temperature 1, whether they end, and vLLM's log-probability of each, the end's included."""
    torch.manual_seed(0)
    params = SamplingParams(temperature=1.0, max_tokens=24, logprobs=0, stop_token_ids=[EOS], detokenize=False)
    outputs = engine._llm.generate([{"prompt_token_ids": list(p)} for p in prompts], params, use_tqdm=False)
    actual = []
    for output in outputs:
        (c,) = output.outputs
        ends = c.token_ids[-1] == EOS
        values = [step[token].logprob for step, token in zip(c.logprobs, c.token_ids, strict=True)]
        actual.append((tuple(c.token_ids[: len(c.token_ids) - ends]), ends, values))
    return actual


@pytest.fixture(scope="module")
def rounded(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All weights rounded to bfloat16, as training saves them: the embedding and the tied output layer change, too."""
    folder = tmp_path_factory.mktemp("rounded") / "model"
    shutil.copytree(smollm2, folder)
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.mark.parametrize("which", ["smollm2", "adapted", "rounded"])
def test_log_probabilities_of_vllm_and_the_trainer_agree_to_a_thousandth_a_token(
    which: str, loaded: Engine, codec: Codec, problems: list[Problem], request: pytest.FixtureRequest
) -> None:
    """In float32, through the trainer's own rows, batches, model and loss; after LoRA, and packed, too."""
    checkpoint: Path = request.getfixturevalue(which)
    loaded.load(checkpoint, CONTEXT)
    prompts = [codec.encode_prompt(p) for p in problems]
    sampled = sampled_log_probs(loaded, prompts)
    rows = [NLLRow(prompt, tokens, ends) for prompt, (tokens, ends, _) in zip(prompts, sampled, strict=True)]
    model = load_model(Training(checkpoint, 1, 1e-3, 0, TrainerOptions()))
    for collate in (PadRight(EOS), Pack(EOS)):
        # Alone, in one batch with the others, or in one sequence with them.
        batch = collate([nll.example(row, EOS) for row in rows])
        fed = {name: batch[name] for name in ("input_ids", "position_ids") if name in batch}
        with torch.no_grad():
            logits = model(**fed, use_cache=False).logits
        theirs = sorted(x for _, _, values in sampled for x in values)
        ours = -token_nll(logits, batch["labels"])[(batch["labels"][:, 1:] != IGNORED).flatten()]
        if type(collate) is PadRight:
            np.testing.assert_allclose(ours.numpy(), [x for _, _, values in sampled for x in values], atol=1e-3)
        np.testing.assert_allclose(np.sort(ours.numpy()), theirs, atol=1e-3)
    assert len(theirs) > 60 and min(theirs) < -3  # not only what the model is sure of


# -- what the engine is prompted with and what the trainers mask -----------------------------------------------------


class Generous(Additions):
    """Everything that ends is right, so every prefix has a right completion."""

    def grade(self, problem: Problem, response: str) -> bool:
        return True


@pytest.fixture
def prompted(loaded: Engine, smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Every prompt that vLLM says it was given, while the test runs."""
    loaded.load(smollm2, CONTEXT)
    engine: Any = loaded
    seen: list[tuple[int, ...]] = []
    real = engine._llm.generate

    def generate(*args: Any, **kwargs: Any) -> Any:
        outputs = real(*args, **kwargs)
        seen.extend(tuple(output.prompt_token_ids) for output in outputs)
        return outputs

    monkeypatch.setattr(engine._llm, "generate", generate)
    return seen


def masked_prompts(module: Any, train: Callable[[Any], Any], patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The trainer's own batches, before it takes a step."""
    built: list[Any] = []
    patch.setattr(module, "run", lambda trainer, given, folder: built.append(trainer))
    patch.setattr(module, "matmul_parameters", lambda folder: 0)
    train(built)
    yield from built[0].get_train_dataloader()


def test_random_prefixes_are_the_same_token_ids_in_the_engine_and_in_the_trainers_masks(
    prompted: list[tuple[int, ...]],
    loaded: Engine,
    codec: Codec,
    problems: list[Problem],
    smollm2: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    rng, task = np.random.default_rng(0), Generous(AdditionOptions())
    by_id = {p.id: p for p in problems}
    # Random tokens, parts of characters among them, or words letter by letter; cut anywhere, a pit after each.
    spelt = [codec.encode(letter)[0] for letter in "the sum of both"]
    texts = [rng.integers(17, 49152, size=12).tolist() if i % 2 else rng.permutation(spelt) for i in range(8)]
    responses = [Response(p.id, 0, tuple(map(int, t)), True, 0) for p, t in zip(problems, texts, strict=True)]
    cuts = [int(rng.integers(1, 11)) for _ in responses]
    prefixes = [(r.problem, r.tokens[:cut]) for r, cut in zip(responses, cuts, strict=True)]
    draws = dict.fromkeys(prefixes, 8)
    drawn, _ = Sampler(loaded, task, codec, 1, temperature=2.0, seed=0).completions(by_id, draws)  # type: ignore[arg-type]
    prompts = {id: codec.encode_prompt(p) for id, p in by_id.items()}
    assert prompted == [prompts[id] + prefix for id, prefix in prefixes]
    drifted = [codec.tokenizer.encode(codec.decode(tokens)) != list(tokens) for _, tokens in prefixes]
    assert sum(drifted) >= 3  # as text these prefixes would have been other tokens

    right = learned({}, drawn)
    for value in right.values():  # random text rarely ends by itself: any completion will do as the chosen side
        object.__setattr__(value, "correct", value.correct or ((5, 6, 7),))
    steps = [
        ResponseValues(i, (cut, cut + 1, len(r.tokens)), (0.5, 0.5, 0.0, 0.0))
        for i, (r, cut) in enumerate(zip(responses, cuts, strict=True))
    ]
    graded = Graded(prompts, [], [], responses, negative_values=steps, prefix_values=right)
    options = METHODS["step_dpo"].options()  # type: ignore[call-arg]
    pairs: Any = METHODS["step_dpo"].build(graded, options, rng)
    assert len(pairs) == len(problems)
    training = Training(smollm2, 1, 1e-3, 0, TrainerOptions(batch_size=8))

    ends: list[tuple[int, int]] = []
    with monkeypatch.context() as patch:
        train = lambda _: train_preference(pairs, training, tmp_path, beta=0.5, nll=0.0)  # noqa: E731
        for batch in masked_prompts(preference, train, patch):
            half = len(batch["input_ids"]) // 2
            for ids, mask, attention in zip(
                *(batch[name] for name in ("input_ids", "completion_mask", "attention_mask")), strict=True
            ):
                assert tuple(ids[: int(mask.argmax())].tolist()) in prompted
                completion = ids[mask.bool() & attention.bool()]
                ends.append((len(ends) >= half, int((completion == EOS).sum())))
    # A chosen side is complete and has one end, its last token; a rejected one is cut at its pit and has none.
    assert ends == [(False, 1)] * len(pairs) + [(True, 0)] * len(pairs)

    rows = [NLLRow(pair.prompt, pair.chosen, pair.chosen_ends) for pair in pairs]
    with monkeypatch.context() as patch:
        for batch in masked_prompts(nll, lambda _: train_nll(rows, training, tmp_path), patch):
            for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
                trained = (labels != IGNORED).nonzero().flatten()
                assert tuple(ids[: trained[0]].tolist()) in prompted
                assert ids[trained[-1]] == EOS and (ids[trained] == EOS).sum() == 1  # the padding is the end token, too


# -- swapping ----------------------------------------------------------------------------------------------------------


def greedy(engine: Engine, prompts: list[tuple[int, ...]], limit: int = 8) -> list[Completion]:
    rows = engine.sample(prompts, n=1, temperature=0.0, max_tokens=[limit] * len(prompts), seed=0)
    return [row[0] for row in rows]


def test_a_merged_checkpoint_is_swapped_in_and_the_base_back(
    loaded: Engine, smollm2: Path, adapted: Path, codec: Codec, problems: list[Problem]
) -> None:
    prompts = [codec.encode_prompt(p) for p in problems[:3]]
    loaded.load(smollm2, CONTEXT)
    llm: Any = loaded
    before, retained = greedy(loaded, prompts), llm._llm
    loaded.load(adapted, CONTEXT)
    ours = greedy(loaded, prompts)
    assert llm._llm is retained and ours != before  # swapped, not started anew
    model = AutoModelForCausalLM.from_pretrained(adapted, dtype=torch.float32)
    for prompt, completion in zip(prompts, ours, strict=True):
        ids = torch.tensor([prompt])
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=9, do_sample=False)
        tokens = out[0, len(prompt) :].tolist()
        assert list(completion.tokens) == tokens[: len(completion.tokens)]
        assert completion.finished == (EOS in tokens)
    loaded.load(smollm2, CONTEXT)
    assert greedy(loaded, prompts) == before


def test_a_checkpoint_that_lacks_tensors_is_refused_and_the_engine_continues(
    loaded: Engine, smollm2: Path, codec: Codec, problems: list[Problem], tmp_path: Path
) -> None:
    prompts = [codec.encode_prompt(p) for p in problems[:2]]
    loaded.load(smollm2, CONTEXT)
    before = greedy(loaded, prompts)
    shutil.copytree(smollm2, tmp_path / "partial")
    tensors = load_file(smollm2 / "model.safetensors")
    del tensors["model.layers.3.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "partial" / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks 1 tensors of the model.*model\.layers\.3\.mlp\.up_proj\.weight"):
        loaded.load(tmp_path / "partial", CONTEXT)
    assert greedy(loaded, prompts) == before


def test_every_end_token_of_a_checkpoint_ends_and_is_left_out(
    loaded: Engine, smollm2: Path, codec: Codec, problems: list[Problem], tmp_path: Path
) -> None:
    """The first greedy token is made an end token by generation_config.json: the response is empty and finished."""
    prompt = codec.encode_prompt(problems[0])
    loaded.load(smollm2, CONTEXT)
    (first,) = greedy(loaded, [prompt])
    shutil.copytree(smollm2, tmp_path / "ends")
    file = tmp_path / "ends" / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"eos_token_id": [EOS, first.tokens[2]]}))
    loaded.load(tmp_path / "ends", CONTEXT)
    cut = first.tokens.index(first.tokens[2])
    assert greedy(loaded, [prompt]) == [Completion(first.tokens[:cut], True)]
