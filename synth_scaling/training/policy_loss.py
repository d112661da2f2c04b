"""Losses per token of the objective `policy`: pure functions of log-probabilities and coefficients.

:class:`synth_scaling.core.policy_loss.PolicyLoss` has their formulas. The slopes, d loss / d log pi, are: reinforce -c;
topr -c min(ratio, 1) for c < 0; nft |c| r ratio / (1 - r) / max((1 - r ratio) / (1 - r), floor) for c < 0; clipped
-c ratio where the minimum is the first term, else 0; unlikelihood |c| pi / (1 - pi) for c < 0, 0 at the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from synth_scaling.core.policy_loss import PolicyLoss, PolicyLossKind

MOST = 10.0  # largest log-ratio that is exponentiated, as in the public code of NFT


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch, all of shape (T,). Tokens that are not trained on have log-probability and coefficient 0.

    `sampled` is False where there is no reference; `row` numbers the responses.
    """

    log_probs: Tensor
    coefficients: Tensor
    reference: Tensor
    pass_rates: Tensor
    sampled: Tensor
    row: Tensor

    @property
    def log_ratio(self) -> Tensor:
        """log pi - log mu; 0 where there is no reference."""
        return torch.where(self.sampled, self.log_probs - self.reference, 0.0)

    @property
    def ratio(self) -> Tensor:
        """pi / mu, at most exp(10)."""
        return self.log_ratio.clamp(max=MOST).exp()


def token_losses(loss: PolicyLoss, tokens: Tokens) -> Tensor:
    """(T,) losses."""
    return KINDS[loss.kind](loss, tokens)


def reinforce(loss: PolicyLoss, tokens: Tokens) -> Tensor:
    return -tokens.coefficients * tokens.log_probs


def topr(loss: PolicyLoss, tokens: Tokens) -> Tensor:
    log_ratio = tokens.log_ratio.detach()
    if loss.ratio == "response":
        _, index = tokens.row.unique(return_inverse=True)
        sums = torch.zeros(int(index.max()) + 1, dtype=log_ratio.dtype, device=log_ratio.device)
        log_ratio = sums.index_add(0, index, log_ratio)[index]
    truncated = log_ratio.clamp(max=0.0).exp()
    return reinforce(loss, tokens) * torch.where(tokens.coefficients < 0, truncated, 1.0)


def nft(loss: PolicyLoss, tokens: Tokens) -> Tensor:
    """The loss of NFT. The floor bounds a negative's ratio from below, and leaves its gradient unchanged."""
    r = tokens.pass_rates
    negative_ratio = (1 - r * tokens.ratio) / (1 - r)
    negative_ratio = negative_ratio + (negative_ratio.clamp(min=loss.floor) - negative_ratio).detach()
    negative = tokens.coefficients * negative_ratio.log()
    positive = -tokens.coefficients * tokens.log_ratio
    return _of_sampled(tokens, loss, torch.where(tokens.coefficients < 0, negative, positive))


def clipped(loss: PolicyLoss, tokens: Tokens) -> Tensor:
    c, ratio = tokens.coefficients, tokens.ratio
    within = ratio.clamp(1 - loss.clip, 1 + loss.clip)
    return _of_sampled(tokens, loss, -torch.minimum(c * ratio, c * within))


def unlikelihood(loss: PolicyLoss, tokens: Tokens) -> Tensor:
    others = (-torch.expm1(tokens.log_probs)).clamp(min=loss.floor)  # 1 - pi
    return torch.where(tokens.coefficients < 0, tokens.coefficients * others.log(), reinforce(loss, tokens))


def _of_sampled(tokens: Tokens, loss: PolicyLoss, losses: Tensor) -> Tensor:
    return torch.where(tokens.sampled, losses, reinforce(loss, tokens))


KINDS: Mapping[PolicyLossKind, Callable[[PolicyLoss, Tokens], Tensor]] = {
    "reinforce": reinforce,
    "topr": topr,
    "nft": nft,
    "clipped": clipped,
    "unlikelihood": unlikelihood,
}
