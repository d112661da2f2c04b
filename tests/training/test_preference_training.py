"""The tokens that DPO covers, its loss in closed form at the start and after it, trainings with the same bits."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.records import PreferenceRow, Response, ResponseValues
from synth_scaling.methods import METHODS, Graded
from synth_scaling.methods.method import PAIR_LOSSES
from synth_scaling.training import preference
from synth_scaling.training.preference import TokenDPOTrainer, train_preference
from synth_scaling.training.trainer import Training
from tests.support.moved_policies import move

PAD, EOS = 0, 1
BETA = 0.5
Trained = Callable[..., Training]
Weights = Callable[[Path], bytes]


@pytest.fixture
def build_trainer(training: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TokenDPOTrainer]:
    """The trainer that train_preference builds, before it has taken a step."""

    def build(
        pairs: list[PreferenceRow], nll: float, loss: str = "sigmoid", smoothing: float = 0.0, **options: int
    ) -> TokenDPOTrainer:
        built: list[TokenDPOTrainer] = []

        def keep(trainer: TokenDPOTrainer, given: Training, folder: Path) -> None:
            built.append(trainer)
            trainer.model.save_pretrained(folder)

        with monkeypatch.context() as patch:
            patch.setattr(preference, "run", keep)
            train_preference(
                pairs, training(**options), tmp_path, beta=BETA, nll=nll, loss=loss, label_smoothing=smoothing
            )
        return built[0]

    return build


def text_of(row: torch.Tensor) -> tuple[int, ...]:
    return tuple(row[: int((row != PAD).sum())].tolist())


# -- what is trained on --------------------------------------------------------------------------------------------


def test_the_trainers_batches_cover_only_the_tokens_after_the_shared_prefix(
    step_pairs: list[PreferenceRow], build_trainer: Callable[..., TokenDPOTrainer]
) -> None:
    wanted = {(*p.prompt, *p.chosen, EOS, -1, *p.rejected): p for p in step_pairs}
    for batch in build_trainer(step_pairs, nll=1.0).get_train_dataloader():
        half = len(batch["input_ids"]) // 2
        for i in range(half):
            chosen, rejected = text_of(batch["input_ids"][i]), text_of(batch["input_ids"][half + i])
            (pair,) = (p for p in wanted.values() if chosen == (*p.prompt, *p.chosen, EOS))
            del wanted[(*pair.prompt, *pair.chosen, EOS, -1, *pair.rejected)]
            assert rejected == (*pair.prompt, *pair.rejected, *([EOS] if pair.rejected_ends else []))
            for row, text in ((i, chosen), (half + i, rejected)):
                covered = batch["completion_mask"][row].tolist()
                padding = len(covered) - len(text)
                n = len(pair.prompt)
                assert covered == [0] * n + [1] * (len(text) - n) + [0] * padding
                assert batch["attention_mask"][row].tolist() == [1] * len(text) + [0] * padding
    assert not wanted  # every pair came once


def test_a_rejected_side_cut_at_its_pit_has_no_end_and_one_that_ends_has_exactly_one(
    step_pairs: list[PreferenceRow], build_trainer: Callable[..., TokenDPOTrainer]
) -> None:
    ends = [0, 0]
    for batch in build_trainer(step_pairs, nll=0.0).get_train_dataloader():
        chosen, rejected = (batch["input_ids"] == EOS).sum(dim=1).chunk(2)
        assert (chosen == 1).all() and (rejected <= 1).all()
        ends[0] += int((rejected == 0).sum())
        ends[1] += int((rejected == 1).sum())
    endings = [pair.rejected_ends for pair in step_pairs]
    assert ends == [endings.count(False), endings.count(True)] and min(ends) > 0


# -- the loss ------------------------------------------------------------------------------------------------------


def log_probs(model: torch.nn.Module, prompt: tuple[int, ...], completion: list[int]) -> list[float]:
    """Of each completion token, one text at a time, without padding."""
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *completion]])).logits[0]
    actual = logits.double().log_softmax(dim=1)[len(prompt) - 1 : -1]
    return [actual[i, token].item() for i, token in enumerate(completion)]


def closed_form(policy: torch.nn.Module, reference: torch.nn.Module, pairs: list[PreferenceRow], nll: float) -> float:
    losses, chosen_nll = [], []
    for pair in pairs:
        chosen = [*pair.chosen, *([EOS] if pair.chosen_ends else [])]
        rejected = [*pair.rejected, *([EOS] if pair.rejected_ends else [])]
        ratio = 0.0
        for sign, side in ((1, chosen), (-1, rejected)):
            ratio += sign * (sum(log_probs(policy, pair.prompt, side)) - sum(log_probs(reference, pair.prompt, side)))
        losses.append(math.log1p(math.exp(-BETA * ratio)))
        chosen_nll += [-x for x in log_probs(policy, pair.prompt, chosen)]
    return float(np.mean(losses)) + nll * float(np.mean(chosen_nll))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("nll", [0.0, 1.0, 0.25])
def test_the_trainers_loss_is_the_closed_form_at_the_start_and_after_the_policy_has_moved(
    nll: float,
    shared: bool,
    step_pairs: list[PreferenceRow],
    random_model: Path,
    build_trainer: Callable[..., TokenDPOTrainer],
) -> None:
    pairs = step_pairs[:12]
    trainer = build_trainer(pairs, nll, batch_size=len(pairs), shared_prompts=shared)
    (batch,) = trainer.get_train_dataloader()
    reference = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)

    at_start = trainer.compute_loss(trainer.model, dict(batch)).item()
    chosen_nll = closed_form(reference, reference, pairs, 1.0) - math.log(2)
    assert at_start == pytest.approx(math.log(2) + nll * chosen_nll, abs=1e-5)

    move(trainer.model)
    moved = trainer.compute_loss(trainer.model, dict(batch)).item()
    assert moved == pytest.approx(closed_form(trainer.model, reference, pairs, nll), abs=2e-5)
    assert abs(moved - at_start) > 0.01


def test_the_loss_of_a_pair_does_not_depend_on_the_tokens_before_it_being_counted(
    random_model: Path, build_trainer: Callable[..., TokenDPOTrainer]
) -> None:
    """The gradient of the loss is that of the two sides' tokens: none flows from predicting the shared prefix."""
    pair = PreferenceRow((5, 6, 2, 9, 10), (11, 12), True, (13,), False)
    trainer = build_trainer([pair], 0.0)
    (batch,) = trainer.get_train_dataloader()
    trainer.compute_loss(trainer.model, dict(batch)).backward()

    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    chosen = model(torch.tensor([[5, 6, 2, 9, 10, 11, 12, EOS]])).logits[0].log_softmax(dim=1)
    rejected = model(torch.tensor([[5, 6, 2, 9, 10, 13]])).logits[0].log_softmax(dim=1)
    ratio = chosen[4, 11] + chosen[5, 12] + chosen[6, EOS] - rejected[4, 13]
    (-F.logsigmoid(BETA * (ratio - ratio.detach()))).backward()
    for ours, independent in zip(trainer.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, independent.grad, rtol=1e-4, atol=1e-6)


def test_an_empty_chosen_side_leaves_the_rejected_side_alone(
    random_model: Path, build_trainer: Callable[..., TokenDPOTrainer]
) -> None:
    """-log sigmoid(-beta log-ratio) of the rejected tokens; a batch with nothing chosen has no NLL term."""
    pair = PreferenceRow((5, 6, 2), (), False, (13, 14), False)
    trainer = build_trainer([pair], 0.3)
    (batch,) = trainer.get_train_dataloader()
    loss = trainer.compute_loss(trainer.model, dict(batch))
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    assert trainer.loss_types == ["sigmoid", "sft"] and trainer.loss_weights == [1.0, 0.3]
    loss.backward()

    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    logits = model(torch.tensor([[5, 6, 2, 13, 14]])).logits[0].log_softmax(dim=1)
    (0.5 * BETA * (logits[2, 13] + logits[3, 14])).backward()  # the slope of -log sigmoid(-x) at 0 is 1 / 2
    for ours, independent in zip(trainer.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, independent.grad, rtol=1e-4, atol=1e-6)


def test_a_response_paired_with_itself_leaves_only_its_nll(
    random_model: Path, build_trainer: Callable[..., TokenDPOTrainer]
) -> None:
    """Wherever the policy is: the log-ratios cancel in value and gradient."""
    trainer = build_trainer([PreferenceRow((5, 6), (2, 9), True, (2, 9), True)], 0.3)
    (batch,) = trainer.get_train_dataloader()
    move(trainer.model)
    loss = trainer.compute_loss(trainer.model, dict(batch))
    chosen_nll = -float(np.mean(log_probs(trainer.model, (5, 6), [2, 9, EOS])))
    assert loss.item() == pytest.approx(math.log(2) + 0.3 * chosen_nll, abs=1e-5)
    loss.backward()

    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    model.load_state_dict(trainer.model.state_dict())
    (0.3 * model(torch.tensor([[5, 6, 2, 9, EOS]]), labels=torch.tensor([[-100, -100, 2, 9, EOS]])).loss).backward()
    for ours, independent in zip(trainer.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, independent.grad, rtol=1e-4, atol=1e-6)


# Closed forms at the log-ratios u (chosen) and v (rejected), of m and n tokens, with label smoothing e = 0.1.
OTHER_LOSSES: dict[str, Callable[[float, float, int, int], float]] = {
    "sigmoid": lambda u, v, m, n: softplus(-BETA * (u - v)),
    "hinge": lambda u, v, m, n: max(0.0, 1 - BETA * (u - v)),
    "ipo": lambda u, v, m, n: (u / m - v / n - 1 / (2 * BETA)) ** 2,  # arXiv 2310.12036, per token
    "robust": lambda u, v, m, n: (0.9 * softplus(-BETA * (u - v)) - 0.1 * softplus(BETA * (u - v))) / 0.8,
    "apo_zero": lambda u, v, m, n: 1 - sigmoid(BETA * u) + sigmoid(BETA * v),  # arXiv 2408.06266, eq. 7
    "nca_pair": lambda u, v, m, n: softplus(-BETA * u) + 0.5 * softplus(BETA * u) + 0.5 * softplus(BETA * v),
    "sigmoid_norm": lambda u, v, m, n: softplus(-BETA * (u / m - v / n)),
}


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_trls_loss_types_are_passed_through(
    loss: str, step_pairs: list[PreferenceRow], random_model: Path, build_trainer: Callable[..., TokenDPOTrainer]
) -> None:
    pairs = step_pairs[:6]
    trainer = build_trainer(pairs, 0.0, loss=loss, smoothing=0.1, batch_size=len(pairs))
    (batch,) = trainer.get_train_dataloader()
    reference = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    move(trainer.model)
    actual = trainer.compute_loss(trainer.model, dict(batch)).item()
    assert math.isfinite(actual) and trainer.loss_types == [loss]
    if loss in OTHER_LOSSES:
        losses = []
        for pair in pairs:
            sides = [[*pair.chosen, EOS], [*pair.rejected, *([EOS] if pair.rejected_ends else [])]]
            u, v = (
                sum(log_probs(trainer.model, pair.prompt, side)) - sum(log_probs(reference, pair.prompt, side))
                for side in sides
            )
            losses.append(OTHER_LOSSES[loss](u, v, len(sides[0]), len(sides[1])))
        assert actual == pytest.approx(np.mean(losses), abs=2e-5)


# -- trainings that agree, and ones that fail ----------------------------------------------------------------------


def test_step_dpo_with_the_pit_at_the_first_step_is_dpo_bit_for_bit(
    demonstrations: list[Response],
    prompts: dict[str, tuple[int, ...]],
    training: Trained,
    weights: Weights,
    tmp_path: Path,
) -> None:
    positives = [Response(r.problem, 0, r.tokens, True, 1) for r in demonstrations]
    wrong = [(*reversed(r.tokens), *r.tokens[:2]) for r in demonstrations]
    negatives = [Response(r.problem, 1, t, i % 3 > 0, 0) for i, (r, t) in enumerate(zip(positives, wrong, strict=True))]
    values = [
        ResponseValues(i, tuple(range(1, len(r.tokens) + 1)), (0.5, *[0.0] * len(r.tokens)))
        for i, r in enumerate(negatives)
    ]
    graded = Graded(prompts, demonstrations, positives, negatives, negative_values=values)
    step, plain = METHODS["step_dpo"], METHODS["dpo"]
    computed = {
        "step": step.build(graded, step.options(rejected="rest"), np.random.default_rng(0)),
        "whole": step.build(graded, step.options(rejected="rest", chosen="response"), np.random.default_rng(0)),
        "plain": plain.build(graded, plain.options(), np.random.default_rng(0)),
    }
    for name, rows in computed.items():
        (tmp_path / name).mkdir()
        train_preference(rows, training(epochs=2), tmp_path / name, beta=BETA, nll=0.0)  # type: ignore[arg-type]
    assert weights(tmp_path / "step") == weights(tmp_path / "plain") == weights(tmp_path / "whole")


def test_the_same_pairs_train_to_the_same_bytes(
    step_pairs: list[PreferenceRow], training: Trained, weights: Weights, random_model: Path, tmp_path: Path
) -> None:
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
        torch.rand(3)  # the state of the global generator must not matter
        train_preference(step_pairs, training(epochs=2), tmp_path / name, beta=BETA, nll=1.0)
    assert weights(tmp_path / "once") == weights(tmp_path / "twice") != weights(random_model)


@pytest.mark.parametrize("nll", [0.0, 1.0])
def test_two_micro_batches_of_pairs_give_the_loss_curve_of_one_batch(
    nll: float, step_pairs: list[PreferenceRow], training: Trained, tmp_path: Path
) -> None:
    curves: list[list[float]] = []
    for parts in (1, 2):
        points: list[dict] = []
        (tmp_path / str(parts)).mkdir()
        chosen = training(epochs=2, batch_size=20, gradient_accumulation=parts)
        train_preference(step_pairs, chosen, tmp_path / str(parts), beta=BETA, nll=nll, curve=points.append)
        curves.append([point["loss"] for point in points])
    assert len(curves[0]) == len(curves[1]) == 4
    # The NLL term is a mean over the tokens of a micro-batch, so its parts have slightly other weights.
    np.testing.assert_allclose(curves[1], curves[0], atol=1e-4 if nll == 0 else 0.05)
    assert curves[0][-1] < curves[0][0] - 0.02


@pytest.mark.parametrize("logging_steps", [1, 10])
def test_pairs_whose_loss_is_not_finite_end_the_training(
    logging_steps: int, step_pairs: list[PreferenceRow], training: Trained, tmp_path: Path
) -> None:
    with pytest.raises(FloatingPointError, match="training diverged"):
        chosen = training(learning_rate=1e30, logging_steps=logging_steps)
        train_preference(step_pairs, chosen, tmp_path, beta=BETA, nll=1.0)
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_reference_pass_reports_its_progress(
    step_pairs: list[PreferenceRow],
    training: Trained,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("synth_scaling.core.progress.EVERY", 0.0)
    caplog.set_level(logging.INFO, logger="synth_scaling")
    logger = logging.getLogger("synth_scaling")
    logger.addHandler(caplog.handler)
    try:
        train_preference(step_pairs, training(epochs=0.1), tmp_path, beta=BETA, nll=0.0)
    finally:
        logger.removeHandler(caplog.handler)
    assert f"pairs with reference log-probabilities: 16 of {len(step_pairs)}" in caplog.text


def test_no_pairs_are_refused(training: Trained, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        train_preference([], training(), tmp_path, beta=BETA, nll=0.0)


def test_the_cost_of_pairs_counts_the_prompt_with_both_sides_and_one_reference_pass(
    step_pairs: list[PreferenceRow], training: Trained, tmp_path: Path
) -> None:
    cost = train_preference(step_pairs, training(epochs=2), tmp_path, beta=BETA, nll=0.0)
    once = sum(2 * len(p.prompt) + len(p.chosen) + 1 + len(p.rejected) + p.rejected_ends for p in step_pairs)
    assert cost.tokens_trained == 2 * once
    assert cost.flops_training == matmul_parameters(tmp_path) * (6 * 2 * once + 2 * once)
