"""The tokens that the NLL covers, its loss in closed form, and trainings that give the same bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.records import NLLRow, Response, ResponseValues
from synth_scaling.methods import METHODS, Graded
from synth_scaling.training import nll
from synth_scaling.training.batches import IGNORED, PadRight
from synth_scaling.training.nll import example, train_nll, weighted_nll
from synth_scaling.training.trainer import Training

PAD, EOS = 0, 1
Trained = Callable[..., Training]
Weights = Callable[[Path], bytes]


# -- what is trained on --------------------------------------------------------------------------------------------


def test_a_row_is_trained_on_its_completion_and_its_end_alone() -> None:
    assert example(NLLRow((5, 6, 7), (8, 9), True), EOS) == {
        "input_ids": [5, 6, 7, 8, 9, EOS],
        "labels": [IGNORED, IGNORED, IGNORED, 8, 9, EOS],
        "weights": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0],
    }
    cut = example(NLLRow((5, 6, 7), (8, 9), False, weights=(0.5, 2.0)), EOS)
    assert cut["input_ids"] == [5, 6, 7, 8, 9] and cut["weights"] == [0.0, 0.0, 0.0, 0.5, 2.0]


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 1.0, 1.0, 1.0)])
def test_weights_that_do_not_fit_the_trained_tokens_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weights for 3 trained tokens"):
        example(NLLRow((5,), (8, 9), True, weights), EOS)


def test_the_trainers_batches_mask_prompt_and_padding_and_hold_one_end_per_row(
    nll_rows: list[NLLRow], training: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, torch.Tensor]] = []

    def look(trainer: nll.NLLTrainer, *rest: object) -> None:
        seen.extend(trainer.get_train_dataloader())
        real(trainer, *rest)

    real = nll.run
    monkeypatch.setattr(nll, "run", look)
    train_nll(nll_rows, training(epochs=1), tmp_path)

    wanted = {(*row.prompt, *row.completion, *([EOS] if row.ends else [])): row for row in nll_rows}
    for batch in seen:
        for ids, labels, weights in zip(batch["input_ids"], batch["labels"], batch["weights"], strict=True):
            text = tuple(ids[: int((ids != PAD).sum())].tolist())
            row = wanted.pop(text)
            n, length = len(row.prompt), len(text)
            assert (labels[:n] == IGNORED).all() and (labels[length:] == IGNORED).all()
            assert labels[n:length].tolist() == list(text[n:])
            assert weights.tolist() == [0.0] * n + [1.0] * (length - n) + [0.0] * (len(ids) - length)
            assert (labels == EOS).sum() == row.ends
    assert not wanted  # every row came once


def test_the_loss_pulls_only_on_the_logits_that_predict_a_trained_token() -> None:
    batch = PadRight(PAD)([example(NLLRow((5, 6), (7,), True), EOS), example(NLLRow((5,), (6, 7, 8, 9), True), EOS)])
    logits = torch.zeros(2, 6, 10, requires_grad=True)
    weighted_nll(logits, batch["labels"], batch["weights"]).backward()
    assert logits.grad is not None
    pulled = (logits.grad.abs().sum(dim=2) > 0).int().tolist()
    assert pulled == [[0, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]]


# -- the loss ------------------------------------------------------------------------------------------------------


def test_weighted_nll_equals_its_closed_form() -> None:
    # Logits (log 3, 0) give the two tokens probabilities 3/4 and 1/4 at every position.
    logits = torch.tensor([math.log(3.0), 0.0]).expand(2, 4, 2)
    labels = torch.tensor([[IGNORED, 0, 1, 0], [IGNORED, IGNORED, 1, IGNORED]])
    weights = torch.tensor([[0.0, 2.0, 0.5, 0.0], [0.0, 0.0, 3.0, 0.0]])
    total = 2.0 * math.log(4 / 3) + 0.5 * math.log(4) + 3.0 * math.log(4)
    assert weighted_nll(logits, labels, weights).item() == pytest.approx(total / 4, rel=1e-6)
    assert weighted_nll(logits, labels, weights, items=8).item() == pytest.approx(total / 8, rel=1e-6)


def test_the_first_token_of_a_row_without_a_prompt_is_neither_predicted_nor_counted() -> None:
    logits = torch.tensor([math.log(3.0), 0.0]).expand(1, 3, 2)
    labels = torch.tensor([[1, 0, 1]])
    assert weighted_nll(logits, labels, torch.ones(1, 3)).item() == pytest.approx(
        (math.log(4 / 3) + math.log(4)) / 2, rel=1e-6
    )


def test_padding_changes_neither_loss_nor_gradient_of_a_row(random_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    short, long = NLLRow((5, 6, 7), (8, 9), True), NLLRow((9, 8, 7), (6, 5, 4, 3, 4, 5, 6), True)

    def loss_and_gradient(rows: list[NLLRow]) -> tuple[float, torch.Tensor]:
        """Of the short row, which comes first: the others have weight 0."""
        rows = [rows[0], *(NLLRow(r.prompt, r.completion, r.ends, (0.0,) * 8) for r in rows[1:])]
        batch = PadRight(PAD)([example(row, EOS) for row in rows])
        model.zero_grad()
        loss = weighted_nll(model(batch["input_ids"]).logits, batch["labels"], batch["weights"], items=3)
        loss.backward()
        return loss.item(), torch.cat([p.grad.flatten() for p in model.parameters()])

    alone, alone_gradient = loss_and_gradient([short])
    batched, batched_gradient = loss_and_gradient([short, long])
    assert batched == pytest.approx(alone, rel=1e-6)
    assert alone_gradient.norm() > 0.1
    torch.testing.assert_close(batched_gradient, alone_gradient, rtol=1e-4, atol=1e-7)


def test_the_first_point_of_the_curve_is_the_mean_nll_a_trained_token(
    nll_rows: list[NLLRow], random_model: Path, training: Trained, tmp_path: Path
) -> None:
    points: list[dict] = []
    train_nll(nll_rows, training(epochs=1, batch_size=len(nll_rows)), tmp_path, points.append)
    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    losses = []
    for row in nll_rows:
        text = [*row.prompt, *row.completion, *([EOS] if row.ends else [])]
        log_probs = model(torch.tensor([text])).logits[0].log_softmax(dim=1)
        losses += [-log_probs[i - 1, text[i]].item() for i in range(len(row.prompt), len(text))]
    assert points[0]["loss"] == pytest.approx(np.mean(losses), rel=1e-5)


# -- trainings that agree, and ones that fail ----------------------------------------------------------------------


@pytest.mark.parametrize("weight", ["exp", "positive"])
def test_advantage_weighting_with_equal_advantages_is_sft_bit_for_bit(
    weight: str,
    demonstrations: list[Response],
    prompts: dict[str, tuple[int, ...]],
    training: Trained,
    weights: Weights,
    tmp_path: Path,
) -> None:
    def values(i: int, response: Response) -> ResponseValues:
        length = len(response.tokens)
        ends, q = range(1, length + 1), [1 - (length - step) / 16 for step in range(length + 1)]  # 1/16 a step
        return ResponseValues(i, tuple(ends), tuple(q))

    sampled = [Response(r.problem, 0, r.tokens, i % 5 != 0, 1) for i, r in enumerate(demonstrations)]
    rng = np.random.default_rng(0)
    aw, sft = METHODS["advantage_weighted"], METHODS["sft"]
    graded = Graded(prompts, [], sampled, positive_values=[values(i, r) for i, r in enumerate(sampled)])
    rows = aw.build(graded, aw.options(weight=weight, demonstrations=False), rng)
    plain = sft.build(Graded(prompts, sampled), sft.options(), rng)
    assert all(row.weights is not None for row in rows) and all(row.weights is None for row in plain)
    for name, computed in (("weighted", rows), ("plain", plain)):
        (tmp_path / name).mkdir()
        train_nll(computed, training(epochs=2), tmp_path / name)
    assert weights(tmp_path / "weighted") == weights(tmp_path / "plain")


def test_the_same_inputs_train_to_the_same_bytes_and_another_seed_to_others(
    nll_rows: list[NLLRow], training: Trained, weights: Weights, random_model: Path, tmp_path: Path
) -> None:
    again = training(epochs=2)
    other = Training(again.start, again.epochs, again.learning_rate, 1, again.options)
    for name, chosen in (("once", again), ("twice", again), ("other", other)):
        (tmp_path / name).mkdir()
        torch.rand(3)  # the state of the global generator must not matter
        train_nll(nll_rows, chosen, tmp_path / name)
    once, twice, other_seed = (weights(tmp_path / name) for name in ("once", "twice", "other"))
    assert once == twice
    assert other_seed != once != weights(random_model)


def test_two_micro_batches_give_the_loss_curve_of_one_batch(
    nll_rows: list[NLLRow], training: Trained, tmp_path: Path
) -> None:
    curves: list[list[float]] = []
    for parts in (1, 2):
        points: list[dict] = []
        (tmp_path / str(parts)).mkdir()
        train_nll(nll_rows, training(gradient_accumulation=parts), tmp_path / str(parts), points.append)
        curves.append([point["loss"] for point in points])
    assert len(curves[0]) == len(curves[1]) == 9  # 3 epochs of 40 rows in batches of 16
    np.testing.assert_allclose(curves[1], curves[0], atol=1e-4)
    assert curves[0][-1] < curves[0][0] - 0.3  # it learns, so the curves say something


@pytest.mark.parametrize("logging_steps", [1, 10])
def test_a_loss_that_is_not_finite_ends_the_training_even_if_it_is_shorter_than_a_logging_step(
    logging_steps: int, nll_rows: list[NLLRow], training: Trained, tmp_path: Path
) -> None:
    with pytest.raises(FloatingPointError, match="training diverged"):
        train_nll(nll_rows, training(learning_rate=1e30, logging_steps=logging_steps), tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def test_nothing_to_train_on_is_refused(training: Trained, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        train_nll([], training(), tmp_path)


def test_the_cost_counts_every_token_once_an_epoch_padding_left_out(
    nll_rows: list[NLLRow], training: Trained, tmp_path: Path
) -> None:
    cost = train_nll(nll_rows, training(epochs=1.5), tmp_path)
    tokens = round(1.5 * sum(len(row.prompt) + len(row.completion) + row.ends for row in nll_rows))
    assert cost.tokens_trained == tokens
    assert cost.flops_training == 6 * matmul_parameters(tmp_path) * tokens
    assert cost.tokens_sampled == cost.flops_sampling == 0
