"""The loss of pairs with a weight per token (:class:`synth_scaling.core.step_pair_loss.StepPairLoss`), of tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synth_scaling.core.step_pair_loss import StepPairLoss


@dataclass(frozen=True)
class PairTokens:
    """The trained tokens of P pairs, all of shape (T,): `pair` from 0 to P - 1, `chosen` True on the chosen side."""

    log_probs: Tensor
    reference: Tensor
    weights: Tensor
    pair: Tensor
    chosen: Tensor

    @property
    def sign(self) -> Tensor:
        """1 on the chosen side, -1 on the rejected one."""
        return torch.where(self.chosen, 1.0, -1.0)

    def sums(self, values: Tensor) -> Tensor:
        """(P,) sums over the tokens of each pair."""
        return values.new_zeros(int(self.pair.max()) + 1).index_add(0, self.pair, values)


def margins(tokens: PairTokens) -> Tensor:
    """(P,) log-ratios of the chosen sides minus those of the rejected ones, without gradient."""
    return tokens.sums(tokens.sign * (tokens.log_probs - tokens.reference)).detach()


def step_pair_loss(loss: StepPairLoss, tokens: PairTokens) -> Tensor:
    """Mean over the pairs."""
    log_ratio = (tokens.log_probs - tokens.reference).detach()
    pull = tokens.weights * torch.sigmoid(-loss.rate * tokens.sign * log_ratio)
    gap = tokens.sums(tokens.sign * pull * tokens.log_probs)
    mean = -(torch.sigmoid(-loss.beta * margins(tokens)) * gap).mean()
    return mean - loss.nll * tokens.log_probs[tokens.chosen].mean() if loss.nll else mean
