"""Adapters: what they train, what is written, and the loss of pairs with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.records import NLLRow, PreferenceRow
from synth_scaling.training.nll import train_nll
from synth_scaling.training.options import LoRAOptions
from synth_scaling.training.preference import train_preference
from synth_scaling.training.trainer import Training

Trained = Callable[..., Training]
RANK = 4
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def lora(**options: Any) -> LoRAOptions:
    return LoRAOptions(**{"rank": RANK, "alpha": 8.0} | options)


def train(rows: Any, training: Training, folder: Path) -> list[float]:
    """The losses of a training of either kind."""
    folder.mkdir()
    points: list[Any] = []
    if isinstance(rows[0], NLLRow):
        train_nll(rows, training, folder, points.append)
    else:
        train_preference(rows, training, folder, beta=0.5, nll=1.0, curve=points.append)
    return [point["loss"] for point in points]


@pytest.fixture(params=["nll_rows", "step_pairs"])
def rows(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("targets", [(), ("q_proj", "v_proj")])
def test_the_checkpoint_is_plain_and_differs_by_a_low_rank_in_the_targets_alone(
    targets: tuple[str, ...], rows: Any, training: Trained, random_model: Path, tmp_path: Path
) -> None:
    losses = train(rows, training(learning_rate=1e-2, lora=lora(target_modules=list(targets))), tmp_path / "policy")
    assert losses[-1] < losses[0] - 0.1
    before, after = (load_file(folder / "model.safetensors") for folder in (random_model, tmp_path / "policy"))
    assert before.keys() == after.keys()
    assert {f.name for f in (tmp_path / "policy").iterdir()} == {f.name for f in random_model.iterdir()} | {
        "curve.jsonl"
    }
    for name, tensor in before.items():
        change = after[name] - tensor
        if any(f".{target}." in name for target in targets or LINEAR):
            assert 1 <= torch.linalg.matrix_rank(change, rtol=1e-3) <= RANK
        else:
            assert not change.any(), name
    AutoModelForCausalLM.from_pretrained(tmp_path / "policy")


def test_adapters_begin_where_the_base_is(step_pairs: list[PreferenceRow], training: Trained, tmp_path: Path) -> None:
    """The first loss of pairs is log 2 plus the base's NLL, with and without an adapter: the reference is the base."""
    plain = train(step_pairs, training(epochs=1, batch_size=40), tmp_path / "plain")
    adapted = train(step_pairs, training(epochs=1, batch_size=40, lora=lora()), tmp_path / "adapted")
    assert adapted[0] == pytest.approx(plain[0], abs=1e-5) and plain[0] > math.log(2)


def test_the_reference_of_pairs_stays_the_base_while_the_adapter_moves(
    step_pairs: list[PreferenceRow], training: Trained, random_model: Path, tmp_path: Path
) -> None:
    """The loss a training ends on is the closed form between its checkpoint and its start."""
    pairs, beta = step_pairs[:8], 0.5
    points: list[Any] = []
    (tmp_path / "one").mkdir()
    chosen = training(epochs=5, batch_size=8, learning_rate=1e-2, lora=lora())
    train_preference(pairs, chosen, tmp_path / "one", beta=beta, nll=0.0, curve=points.append)
    # The same first four steps of a schedule that ends later leave off where the fifth loss is computed.
    losses = [point["loss"] for point in points]
    policy, reference = (
        AutoModelForCausalLM.from_pretrained(f, dtype=torch.float32) for f in (tmp_path / "one", random_model)
    )

    def log_prob(model: Any, prompt: tuple[int, ...], side: list[int]) -> float:
        with torch.no_grad():
            actual = model(torch.tensor([[*prompt, *side]])).logits[0].double().log_softmax(dim=1)
        return sum(actual[len(prompt) - 1 + i, token].item() for i, token in enumerate(side))

    total = 0.0
    for pair in pairs:
        sides = [*pair.chosen, *[1] * pair.chosen_ends], [*pair.rejected, *[1] * pair.rejected_ends]
        ratios = [log_prob(policy, pair.prompt, side) - log_prob(reference, pair.prompt, side) for side in sides]
        total += math.log1p(math.exp(-beta * (ratios[0] - ratios[1]))) / len(pairs)
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)
    assert total < losses[-1] < losses[0] - 0.01  # the last step, at the end of the schedule, lowers it once more
    assert total == pytest.approx(losses[-1], abs=0.05)


def test_the_same_rows_train_to_the_same_bytes(
    rows: Any, training: Trained, weights: Callable[[Path], bytes], random_model: Path, tmp_path: Path
) -> None:
    for name in ("once", "twice"):
        torch.rand(3)  # the state of the global generator must not matter
        train(rows, training(epochs=1, lora=lora(dropout=0.1)), tmp_path / name)
    assert weights(tmp_path / "once") == weights(tmp_path / "twice") != weights(random_model)


def test_gradient_checkpointing_and_like_lengths_work_with_adapters_too(
    rows: Any, training: Trained, tmp_path: Path
) -> None:
    plain = train(rows, training(epochs=1, lora=lora()), tmp_path / "plain")
    twice = train(rows, training(epochs=1, lora=lora(), gradient_checkpointing=True), tmp_path / "twice")
    assert twice == pytest.approx(plain, abs=1e-5)
    retained, again = (load_file(tmp_path / name / "model.safetensors") for name in ("plain", "twice"))
    assert all(torch.allclose(again[name], tensor, atol=1e-6) for name, tensor in retained.items())
    grouped = train(rows, training(epochs=1, lora=lora(), length_grouped=True), tmp_path / "grouped")
    assert len(grouped) == len(plain) and grouped != plain


def test_frozen_weights_cost_no_gradient(nll_rows: list[NLLRow], training: Trained, tmp_path: Path) -> None:
    costs = []
    for name, options in (("full", {}), ("adapter", {"lora": lora()})):
        (tmp_path / name).mkdir()
        costs.append(train_nll(nll_rows, training(epochs=1, **options), tmp_path / name))
    full, adapter = costs
    assert full.tokens_trained == adapter.tokens_trained
    parameters = matmul_parameters(tmp_path / "adapter")
    assert full.flops_training == 6 * parameters * full.tokens_trained
    assert adapter.flops_training == 4 * parameters * full.tokens_trained
