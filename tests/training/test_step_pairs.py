"""Pairs with a weight per token: the public code's numbers, DPO as a special case, and the trainer's own loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

from synth_scaling.core.records import Response, StepPairRow
from synth_scaling.core.step_pair_loss import StepPairLoss
from synth_scaling.methods.full_step_dpo import softmax
from synth_scaling.training.launch import train
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.reference import reference_log_probs
from synth_scaling.training.step_pair_loss import PairTokens, step_pair_loss
from synth_scaling.training.step_pairs import StepPairTrainer, example, train_step_pairs
from synth_scaling.training.trainer import Training
from tests.support.moved_policies import move

EOS = 1
Trained = Callable[..., Training]
Weights = Callable[[Path], bytes]

# Four tokens of a correct response and three of an incorrect one: log-probabilities, reference, step rewards.
CHOSEN = [-0.5, -1.25, -0.75, -2.0], [-1.0, -1.0, -0.5, -2.5], [0.25, 0.25, 0.5, 1.0]
REJECTED = [-1.0, -0.25, -1.5], [-0.5, -1.0, -1.25], [0.75, 0.125, 0.125]


def pair_of(gamma: float, log_probs: torch.Tensor) -> PairTokens:
    weights = [*softmax(gamma * np.array(CHOSEN[2])), *softmax(-gamma * np.array(REJECTED[2]))]
    return PairTokens(
        log_probs,
        torch.tensor([*CHOSEN[1], *REJECTED[1]], dtype=torch.float64),
        torch.tensor(weights, dtype=torch.float64),
        torch.zeros(7, dtype=torch.long),
        torch.arange(7) < 4,
    )


def test_value_and_gradient_are_those_of_the_authors_code() -> None:
    """StepRunners.py of Anna7355/Full-Step-DPO was given the same numbers: beta 0.5, token_rate 1, reward_temp 0.5."""
    log_probs = torch.tensor([*CHOSEN[0], *REJECTED[0]], dtype=torch.float64, requires_grad=True)
    loss = step_pair_loss(StepPairLoss(beta=0.5, rate=1.0), pair_of(0.5, log_probs))
    assert loss.item() == pytest.approx(0.05875152363572398, rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, log_probs)
    chosen = [-0.036026839075967654, -0.05364572350358332, -0.06078856860173613, -0.052418741551364466]
    rejected = [0.04427169949395503, 0.10885879823123934, 0.07017437385600342]
    np.testing.assert_allclose(gradient, [*chosen, *rejected], rtol=1e-6)


@pytest.mark.parametrize("beta", [0.1, 0.5, 2.0])
def test_with_weights_of_one_and_without_a_rate_the_gradient_is_that_of_dpo(beta: float) -> None:
    """sigmoid(0) = 1 / 2, and DPO's gradient has a factor beta."""
    log_probs = torch.tensor([*CHOSEN[0], *REJECTED[0]], dtype=torch.float64, requires_grad=True)
    tokens = pair_of(0.0, log_probs)
    tokens = PairTokens(log_probs, tokens.reference, torch.ones_like(log_probs), tokens.pair, tokens.chosen)
    (ours,) = torch.autograd.grad(step_pair_loss(StepPairLoss(beta, rate=0.0), tokens), log_probs)
    margin = (tokens.sign * (log_probs - tokens.reference)).sum()
    (theirs,) = torch.autograd.grad(-F.logsigmoid(beta * margin), log_probs)
    torch.testing.assert_close(2 * beta * ours, theirs)


@pytest.fixture(scope="module")
def pairs(demonstrations: list[Response], prompts: dict[str, tuple[int, ...]], random_model: Path) -> list[StepPairRow]:
    """Teacher solutions against reversed ones, of which some are cut, with the random model as the reference."""
    rows, texts = [], []
    for i, r in enumerate(demonstrations):
        for tokens, ends in ((r.tokens, True), ((*reversed(r.tokens),), i % 3 > 0)):
            texts.append((prompts[r.problem], tokens, ends))
    values = [row.log_probs for row in reference_log_probs(random_model, texts, TrainerOptions(), 1)[0]]
    for (prompt, chosen, _), (_, rejected, ends), a, b in zip(
        texts[::2], texts[1::2], values[::2], values[1::2], strict=True
    ):
        up, down = softmax(np.linspace(0, 1, len(a))), softmax(np.linspace(0, -1, len(b)))
        rows.append(StepPairRow(prompt, chosen, True, up, a, rejected, ends, down, b))
    return rows


@pytest.mark.parametrize("packing", [False, True])
def test_the_trainers_loss_is_the_closed_form_after_the_policy_has_moved(
    packing: bool,
    pairs: list[StepPairRow],
    training: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[StepPairTrainer] = []

    def keep(trainer: StepPairTrainer, given: Training, folder: Path) -> None:
        built.append(trainer)
        trainer.model.save_pretrained(folder)

    rows, loss = pairs[:6], StepPairLoss(0.5, 1.0, nll=0.25)
    monkeypatch.setattr("synth_scaling.training.nll.run", keep)
    train_step_pairs(rows, training(batch_size=len(rows), packing=packing), tmp_path, loss)
    (trainer,) = built
    (batch,) = trainer.get_train_dataloader()
    move(trainer.model)
    model = trainer.model.eval()

    def log_probs(prompt: tuple[int, ...], completion: tuple[int, ...], ends: bool) -> np.ndarray:
        tokens = [*completion, *([EOS] if ends else [])]
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *tokens]])).logits[0].double().log_softmax(dim=1)
        return logits[len(prompt) - 1 : -1][torch.arange(len(tokens)), torch.tensor(tokens)].numpy()

    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    losses, chosen_log_probs = [], []
    for r in rows:
        c, d = log_probs(r.prompt, r.chosen, r.chosen_ends), log_probs(r.prompt, r.rejected, r.rejected_ends)
        g, h = c - r.chosen_reference, d - r.rejected_reference
        gap = (r.chosen_weights * sigmoid(-g) * c).sum() - (r.rejected_weights * sigmoid(h) * d).sum()
        losses.append(-sigmoid(-0.5 * (g.sum() - h.sum())) * gap)
        chosen_log_probs += c.tolist()
    expected = np.mean(losses) - 0.25 * np.mean(chosen_log_probs)
    assert trainer.compute_loss(model, dict(batch)).item() == pytest.approx(expected, abs=1e-5)


def test_a_training_widens_the_margin_and_halves_of_a_batch_give_the_same(
    pairs: list[StepPairRow], training: Trained, random_model: Path, tmp_path: Path
) -> None:
    curves = []
    for steps in (1, 2):
        folder = tmp_path / str(steps)
        folder.mkdir()
        cost = train(pairs, training(epochs=2, gradient_accumulation=steps), folder, StepPairLoss(0.5, 1.0))
        curves.append([json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()])
        assert cost.tokens_trained == 2 * sum(len(example(r, EOS, 0)["input_ids"]) for r in pairs)
    assert curves[0][0]["margins"] == pytest.approx(0.0, abs=1e-4) and curves[0][-1]["margins"] > 0.1
    assert [p["loss"] for p in curves[1]] == pytest.approx([p["loss"] for p in curves[0]], abs=2e-2)
    assert {"logps/chosen", "logps/rejected", "accuracies"} <= curves[0][0].keys()
    AutoModelForCausalLM.from_pretrained(tmp_path / "1")


def test_columns_that_do_not_fit_the_tokens_and_no_rows_are_refused(training: Trained, tmp_path: Path) -> None:
    row = StepPairRow((5,), (8, 9), True, (0.5, 0.5), (-1.0,) * 3, (8,), False, (1.0,), (-1.0,))
    with pytest.raises(ValueError, match="2 weights for 3 trained tokens"):
        example(row, EOS, 0)
    row = StepPairRow((5,), (8,), False, (1.0,), (-1.0,), (8, 9), False, (0.5, 0.5), (-1.0,))
    with pytest.raises(ValueError, match="1 reference log-probabilities for 2 trained tokens"):
        example(row, EOS, 0)
    with pytest.raises(ValueError, match="nothing to train on"):
        train_step_pairs([], training(), tmp_path, StepPairLoss(0.5, 1.0))
