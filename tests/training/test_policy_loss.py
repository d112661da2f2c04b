"""Losses per token: against public implementations, exact gradients on the Markov chain, and how they agree."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.training.policy_loss import KINDS, Tokens, token_losses
from tests.support.credit_chain import MOVES, value, wrong_chance

LOSSES = [PolicyLoss(kind, floor=1e-5 if kind == "unlikelihood" else 1.0) for kind in KINDS]


def tokens_of(
    log_probs: Tensor, reference: Tensor, coefficients: list[float] | Tensor, pass_rate: float = 0.0
) -> Tokens:
    """Rows (R, T) of sampled tokens; one coefficient per row, or one per token."""
    c = torch.as_tensor(coefficients, dtype=torch.float64)
    c = c if c.dim() == 2 else c[:, None].expand(log_probs.shape)
    row = torch.arange(len(log_probs))[:, None].expand(log_probs.shape)
    everywhere = torch.ones(log_probs.shape, dtype=torch.bool)
    columns = (log_probs, c, reference, torch.full_like(reference, pass_rate), everywhere, row)
    return Tokens(*(column.flatten() for column in columns))


# -- public implementations ------------------------------------------------------------------------------------------

# The same two responses of five tokens, the first correct, were given to the public code: values and gradients of its
# loss. "rlvr": TianHongZXY/RLVR-Decomposed, compute_policy_loss with clip 0.2 and weight 0.1; "trinity": the TOPR loss
# of Trinity-RFT; "nft": NVlabs/NFT, dp_actor.py with ratio_type token, neg_weight 1 and normalize 1 (weights 1 - r,
# here the coefficients), before its division by 1,000; "unlikelihood": the public criterion, 1 - p at least 1e-5.
N = torch.arange(10, dtype=torch.float64).view(2, 5)
NEW = -1.5 - torch.sin(3.7 * N + 0.3)
OLD = NEW + 0.4 * torch.cos(2.1 * N)
PUBLIC: dict[str, tuple[PolicyLoss, list[float], float, float, float, list[float]]] = {
    "rlvr": (
        PolicyLoss("clipped", clip=0.2),
        [0.1, -1.0],
        0.0,
        10.0,
        0.475570516335962,
        [-0.006703, 0.0, 0.0, -0.006704, 0.0, 0.120951, 0.0, 0.123792, 0.120234, 0.0],
    ),
    "trinity": (
        PolicyLoss("topr", ratio="token"),
        [1.0, -1.0],
        0.0,
        10.0,
        0.11173971896949833,
        [-0.1, -0.1, -0.1, -0.1, -0.1, 0.1, 0.067047, 0.1, 0.1, 0.067066],
    ),
    "nft": (
        PolicyLoss("nft", floor=1.0),
        [0.625, -0.625],
        0.375,
        1000.0,
        -0.00010409644683055068,
        [-0.000625, -0.000625, -0.000625, -0.000625, -0.000625, 0.000454, 0.00021, 0.000464, 0.000451, 0.00021],
    ),
    "nft with a lower floor": (
        PolicyLoss("nft", floor=0.1),
        [0.625, -0.625],
        0.375,
        1000.0,
        0.00015702776745493878,
        [-0.000625, -0.000625, -0.000625, -0.000625, -0.000625, 0.000519, 0.00021, 0.000542, 0.000513, 0.00021],
    ),
    "nft at the lowest pass rate": (
        PolicyLoss("nft", floor=1.0),
        [0.98, -0.98],
        0.02,
        1000.0,
        0.00017716827440041096,
        [-0.00098, -0.00098, -0.00098, -0.00098, -0.00098, 2.4e-05, 1.3e-05, 2.5e-05, 2.4e-05, 1.3e-05],
    ),
    "unlikelihood": (
        PolicyLoss("unlikelihood", floor=1e-5),
        [-1.0, -1.0],
        0.0,
        1.0,
        3.7185048751387866,
        [0.1991, 0.906908, 0.090586, 1.270264, 0.14421, 0.30627, 0.57033, 0.102454, 1.535616, 0.109254],
    ),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_values_and_gradients_are_those_of_public_code(name: str) -> None:
    loss, coefficients, pass_rate, divisor, expected, slopes = PUBLIC[name]
    log_probs = NEW.clone().requires_grad_()
    total = token_losses(loss, tokens_of(log_probs, OLD, coefficients, pass_rate)).sum() / divisor
    assert total.item() == pytest.approx(expected, rel=1e-9)
    (gradient,) = torch.autograd.grad(total, log_probs)
    np.testing.assert_allclose(gradient.flatten(), slopes, atol=1e-6)


# -- slopes ----------------------------------------------------------------------------------------------------------

LOG_PROBS = st.floats(-4, -0.01)
TOKEN = st.tuples(LOG_PROBS, LOG_PROBS, st.sampled_from([-2.0, -1.0, -0.25, 0.0, 0.5, 1.0]))


def slope(loss: PolicyLoss, log_prob: float, reference: float, c: float, r: float) -> float:
    """d loss / d log pi in closed form, of a response of one token."""
    pi, ratio = np.exp(log_prob), np.exp(log_prob - reference)
    match loss.kind:
        case "topr" if c < 0:
            return float(-c * min(ratio, 1.0))
        case "nft" if c < 0:
            return float(-c * r * ratio / (1 - r) / max((1 - r * ratio) / (1 - r), loss.floor))
        case "clipped":
            unclipped = ratio < 1 + loss.clip if c > 0 else ratio > 1 - loss.clip
            return float(-c * ratio * unclipped)
        case "unlikelihood" if c < 0:
            return float(-c * pi / (1 - pi))
    return -c


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
@settings(max_examples=60)
@given(st.lists(TOKEN, min_size=1, max_size=6), st.sampled_from([0.02, 0.375, 0.98]))
def test_gradients_are_the_closed_forms(loss: PolicyLoss, tokens: list[tuple[float, float, float]], r: float) -> None:
    """Responses of one token each."""
    rows = torch.tensor(tokens, dtype=torch.float64)
    log_probs = rows[:, :1].clone().requires_grad_()
    losses = token_losses(loss, tokens_of(log_probs, rows[:, 1:2], rows[:, 2], r))
    (gradient,) = torch.autograd.grad(losses.sum(), log_probs)
    np.testing.assert_allclose(gradient.flatten(), [slope(loss, *token, r) for token in tokens], rtol=1e-9, atol=1e-12)


# -- agreements ------------------------------------------------------------------------------------------------------


def gradient_of(loss: PolicyLoss, tokens: Callable[[Tensor], Tokens], log_probs: Tensor) -> Tensor:
    log_probs = log_probs.clone().requires_grad_()
    return torch.autograd.grad(token_losses(loss, tokens(log_probs)).sum(), log_probs)[0]


@pytest.mark.parametrize("ratio", ["token", "response"])
def test_topr_on_policy_is_reinforce_to_the_bit(ratio: str) -> None:
    def on_policy(log_probs: Tensor) -> Tokens:
        return tokens_of(log_probs, NEW, [1.0, -1.0])

    topr, plain = PolicyLoss("topr", ratio=ratio), PolicyLoss("reinforce")  # type: ignore[arg-type]
    assert torch.equal(token_losses(topr, on_policy(NEW)), token_losses(plain, on_policy(NEW)))
    assert torch.equal(gradient_of(topr, on_policy, NEW), gradient_of(plain, on_policy, NEW))


def test_toprs_ratio_is_that_of_the_whole_response() -> None:
    """pi(y) / mu(y) = exp(-0.3) for one negative, exp(+0.2), truncated to 1, for the other."""
    reference = torch.tensor([[-1.0, -2.0], [-1.0, -2.0]], dtype=torch.float64)
    moved = reference + torch.tensor([[0.4, -0.7], [0.5, -0.3]])
    gradient = gradient_of(PolicyLoss("topr", ratio="response"), lambda p: tokens_of(p, reference, [-1.0, -1.0]), moved)
    np.testing.assert_allclose(gradient, [[np.exp(-0.3)] * 2, [1.0] * 2])


def test_an_unlearned_negative_weighs_nothing_in_topr_and_fully_in_reinforce() -> None:
    def tokens(log_probs: Tensor) -> Tokens:
        return tokens_of(log_probs, NEW, [-1.0, -1.0])

    assert gradient_of(PolicyLoss("topr", ratio="response"), tokens, NEW - 5).max() < 1e-10
    assert gradient_of(PolicyLoss("reinforce"), tokens, NEW - 5).min() == 1.0


def test_nft_at_pass_rate_zero_is_positives_alone() -> None:
    """Up to the constant log mu; the smaller the pass rate, the closer."""

    def tokens(rate: float) -> Callable[[Tensor], Tokens]:
        return lambda log_probs: tokens_of(log_probs, OLD, [1.0, -1.0], rate)

    positives = torch.tensor([[-1.0] * 5, [0.0] * 5], dtype=torch.float64)
    assert torch.equal(gradient_of(PolicyLoss("nft"), tokens(0.0), NEW), positives)
    for rate in (0.1, 0.001):
        gap = (gradient_of(PolicyLoss("nft"), tokens(rate), NEW) - positives).abs().max()
        assert 0 < gap < 2 * rate


def test_a_clip_that_nothing_reaches_leaves_the_importance_weighted_gradient() -> None:
    c = torch.sin(N)
    gradient = gradient_of(PolicyLoss("clipped", clip=100.0), lambda p: tokens_of(p, OLD, c), NEW)
    np.testing.assert_allclose(gradient, -c * (NEW - OLD).exp())


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
def test_rows_without_reference_have_plain_nll_for_positive_coefficients(loss: PolicyLoss) -> None:
    tokens = tokens_of(NEW, OLD, [1.0, 0.5], 0.5)
    losses = token_losses(loss, replace(tokens, sampled=torch.zeros_like(tokens.sampled)))
    assert torch.equal(losses, -tokens.coefficients * tokens.log_probs)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
def test_losses_do_not_depend_on_the_order_of_tokens_and_scale_with_coefficients(loss: PolicyLoss) -> None:
    tokens = tokens_of(NEW, OLD, [1.0, -0.5], 0.25)
    order = torch.tensor(np.random.default_rng(0).permutation(10))
    shuffled = Tokens(*(column[order] for column in vars(tokens).values()))
    torch.testing.assert_close(token_losses(loss, shuffled), token_losses(loss, tokens)[order])
    doubled = replace(tokens, coefficients=2 * tokens.coefficients)
    torch.testing.assert_close(token_losses(loss, doubled), 2 * token_losses(loss, tokens))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
def test_tokens_far_from_the_sampling_policy_have_finite_losses_and_gradients(loss: PolicyLoss) -> None:
    far = torch.tensor([[-1e-9, -200.0], [-0.0, -200.0]])
    reference = torch.tensor([[-200.0, -1e-9], [-200.0, -0.0]])
    log_probs = far.requires_grad_()
    total = token_losses(loss, tokens_of(log_probs, reference, [1.0, -1.0], 0.98)).sum()
    (gradient,) = torch.autograd.grad(total, log_probs)
    assert total.isfinite() and gradient.isfinite().all()


# -- exact gradients on the Markov chain: a move is wrong at a chance of 0.3, after a wrong one 0.6 -------------------

RESPONSES = ["".join(moves) for moves in itertools.product(("r.", "w."), repeat=MOVES)]
LOGITS = torch.tensor([np.log(0.3 / 0.7), np.log(0.6 / 0.4)])  # of a wrong move in either state


def states(text: str) -> tuple[list[int], list[int]]:
    """The state before each move (1 after a wrong one), and whether the move is wrong."""
    wrong = [int(move == "w") for move in text[::2]]
    return [0, *wrong[:-1]], wrong


def move_log_probs(logits: Tensor) -> Tensor:
    """(16, 4) log-probabilities of the moves of all responses."""
    before, wrong = (torch.tensor(part) for part in zip(*map(states, RESPONSES), strict=True))
    return torch.nn.functional.logsigmoid(torch.where(wrong == 1, 1, -1) * logits[before])


def gradient_of_value() -> np.ndarray:
    """dV/d logits by the product rule, from the chain's exact values."""
    total = np.zeros(2)
    for text in RESPONSES:
        chances = [wrong_chance(text[: 2 * i]) for i in range(MOVES)]
        before, wrong = states(text)
        probability = np.prod([p if w else 1 - p for p, w in zip(chances, wrong, strict=True)])
        for state, w, p in zip(before, wrong, chances, strict=True):
            total[state] += value(text) * probability * (w - p)  # d log sigmoid
    return total


def expected_gradient(loss: PolicyLoss, coefficients: Tensor, pass_rate: float = 0.0) -> np.ndarray:
    """The gradient in the logits of the expected loss of a response of the chain itself."""
    logits = LOGITS.clone().requires_grad_()
    log_probs = move_log_probs(logits)
    reference = log_probs.detach()
    losses = token_losses(loss, tokens_of(log_probs, reference, coefficients, pass_rate)).view(log_probs.shape)
    total = (reference.sum(dim=1).exp() * losses.sum(dim=1)).sum()
    return torch.autograd.grad(total, logits)[0].numpy()


REWARDS = torch.tensor([value(text) for text in RESPONSES], dtype=torch.float64)
V = value("")


def test_the_chains_value_is_the_sum_over_its_responses() -> None:
    assert (move_log_probs(LOGITS).sum(dim=1).exp() * REWARDS).sum().item() == pytest.approx(V)


@pytest.mark.parametrize(
    ("positive", "negative", "factor"), [(1.0, 1.0, 2.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (0.1, 1.0, 1.1)]
)
@pytest.mark.parametrize("kind", ["reinforce", "topr", "clipped"])
def test_the_expected_gradient_is_the_policy_gradient(
    kind: str, positive: float, negative: float, factor: float
) -> None:
    """Of lambda V - (1 - V): positives and negatives alone have the same one in expectation."""
    coefficients = positive * REWARDS - negative * (1 - REWARDS)
    loss = PolicyLoss(kind, ratio="response")  # type: ignore[arg-type]
    np.testing.assert_allclose(expected_gradient(loss, coefficients), -factor * gradient_of_value(), rtol=1e-9)


def test_step_advantages_have_the_policy_gradient_too() -> None:
    advantages = torch.tensor(
        [[value(y[: 2 * i + 2]) - value(y[: 2 * i]) for i in range(MOVES)] for y in RESPONSES], dtype=torch.float64
    )
    np.testing.assert_allclose(expected_gradient(PolicyLoss("clipped"), advantages), -gradient_of_value(), rtol=1e-9)


def test_nft_on_policy_weights_the_negatives_by_the_odds() -> None:
    """-V grad of correct ones, r / (1 - r) of incorrect ones: together the policy gradient times 1 / (1 - r)."""
    gradient = expected_gradient(PolicyLoss("nft"), 2 * REWARDS - 1, V)
    np.testing.assert_allclose(gradient, -gradient_of_value() / (1 - V), rtol=1e-9)


def test_off_policy_topr_lowers_incorrect_responses_by_the_smaller_probability() -> None:
    """Of a policy that differs from the sampling chain: mu(y) min(pi / mu, 1) = min(pi, mu)."""
    logits = (LOGITS + torch.tensor([0.7, -0.4])).requires_grad_()
    log_probs, reference = move_log_probs(logits), move_log_probs(LOGITS)
    mu, pi = reference.sum(dim=1).exp(), log_probs.sum(dim=1).exp()
    losses = token_losses(PolicyLoss("topr", ratio="response"), tokens_of(log_probs, reference, REWARDS - 1))
    total = (mu * losses.view(log_probs.shape).sum(dim=1)).sum()
    (gradient,) = torch.autograd.grad(total, logits, retain_graph=True)
    by_hand = ((1 - REWARDS) * torch.minimum(mu, pi).detach() * log_probs.sum(dim=1)).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(by_hand, logits)[0])
