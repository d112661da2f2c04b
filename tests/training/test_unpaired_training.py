"""KTO by TRL's trainer: its loss in closed form, batches in order, a training resumed to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.records import NLLRow, UnpairedRow
from synth_scaling.core.validation import ConfigError
from synth_scaling.training import unpaired
from synth_scaling.training.launch import Unpaired, train
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.trainer import RESUME, Training
from synth_scaling.training.unpaired import TokenKTOTrainer, train_unpaired, with_mismatched
from tests.support.moved_policies import move

EOS = 1
KTO = Unpaired(beta=0.5, desirable=1.0, undesirable=1.5)
Trained = Callable[..., Training]
Weights = Callable[[Path], bytes]


@pytest.fixture(scope="module")
def rows(nll_rows: list[NLLRow]) -> list[UnpairedRow]:
    """The demonstrations, two in five of them taken for undesirable."""
    return [UnpairedRow(r.prompt, r.completion, r.ends, i % 5 < 3) for i, r in enumerate(nll_rows)]


def log_prob(model: torch.nn.Module, prompt: tuple[int, ...], completion: list[int]) -> float:
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *completion]])).logits[0]
    actual = logits.double().log_softmax(dim=1)[len(prompt) - 1 : -1]
    return sum(actual[i, token].item() for i, token in enumerate(completion))


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def test_the_trainers_loss_is_the_closed_form_after_the_policy_has_moved(
    rows: list[UnpairedRow], training: Trained, random_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[TokenKTOTrainer] = []

    def keep(trainer: TokenKTOTrainer, given: Training, folder: Path) -> None:
        built.append(trainer)
        trainer.model.save_pretrained(folder)

    monkeypatch.setattr(unpaired, "run", keep)
    few = rows[:8]
    train_unpaired(few, training(batch_size=8), tmp_path, beta=0.5, desirable=1.0, undesirable=1.5)
    (trainer,) = built
    (batch,) = trainer.get_train_dataloader()
    move(trainer.model)
    reference = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    texts = [[*r.completion, *([EOS] if r.ends else [])] for r in few]

    def log_ratio(prompt: tuple[int, ...], text: list[int]) -> float:
        return log_prob(trainer.model, prompt, text) - log_prob(reference, prompt, text)

    kl = max(0.0, float(np.mean([log_ratio(row.prompt, texts[i - 1]) for i, row in enumerate(few)])))
    losses = []
    for row, text in zip(few, texts, strict=True):
        gap = 0.5 * (log_ratio(row.prompt, text) - kl)
        losses.append(1 - sigmoid(gap) if row.desirable else 1.5 * (1 - sigmoid(-gap)))
    assert trainer.compute_loss(trainer.model, dict(batch)).item() == pytest.approx(np.mean(losses), abs=1e-4)


def test_mismatched_responses_are_those_of_the_same_batch() -> None:
    examples = [{"prompt_ids": [i], "completion_ids": [10 + i], "label": True} for i in range(5)]
    pairs = [(e["prompt_ids"][0], e["KL_completion_ids"][0]) for e in with_mismatched(examples, 2)]
    assert pairs == [(0, 11), (1, 10), (2, 13), (3, 12), (4, 14)]


class Died(Exception):
    pass


def test_a_training_that_died_resumes_to_the_same_bits_and_curve(
    rows: list[UnpairedRow], training: Trained, weights: Weights, tmp_path: Path
) -> None:
    chosen = {"batch_size": 8, "logging_steps": 3, "checkpoint_minutes": 1e-9}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    once = training(epochs=2, **chosen | {"checkpoint_minutes": 0})
    cost = train(rows, once, whole, KTO)
    n = sum(len(r.prompt) + len(r.completion) + r.ends for r in rows)
    assert cost.tokens_trained == 2 * n
    mismatched = cost.flops_training / matmul_parameters(whole) - 6 * 2 * n - 2 * n  # of reference and KL term
    assert mismatched == pytest.approx(2 * 3 * n, rel=0.01)
    again = Training(once.start, 2, 1e-3, 0, TrainerOptions(**chosen), resume=broken / RESUME)  # type: ignore[arg-type]

    def die(point: Mapping[str, float]) -> None:
        if point["step"] == 6:
            raise Died

    with pytest.raises(Died):
        train(rows, again, broken, KTO, die)
    for path in broken.iterdir():
        if path.is_file():
            path.unlink()
    train(rows, again, broken, KTO)
    assert weights(broken) == weights(whole)
    assert (broken / "curve.jsonl").read_text() == (whole / "curve.jsonl").read_text()
    assert "logps/chosen" in (whole / "curve.jsonl").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 1}, "trainer.batch_size=1: KTO needs 2 rows or more at a time"),
        ({"num_processes": 2}, "trainer.num_processes=2: allowed is 1 with method=kto"),
    ],
)
def test_what_kto_cannot_be_trained_with_is_refused(
    options: dict, message: str, rows: list[UnpairedRow], training: Trained, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        train_unpaired(rows, training(**options), tmp_path, beta=0.5, desirable=1.0, undesirable=1.0)


def test_no_rows_are_refused(training: Trained, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        train_unpaired([], training(), tmp_path, beta=0.5, desirable=1.0, undesirable=1.0)
