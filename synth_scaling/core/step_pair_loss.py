"""The loss of a pair in the objective `step_pairs`, as parameters: its torch function is in synth_scaling.training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepPairLoss:
    """DPO whose gradient weighs every token, for pairs with the reference's log-probability of every token.

    With h the log-ratio log pi / pi_ref of a token, m the sum of h over the chosen side minus that over the rejected
    one, w the tokens' weights, and everything in [] without gradient, the loss of a pair is

    -[sigmoid(-beta m)] (sum over chosen [w sigmoid(-rate h)] log pi - sum over rejected [w sigmoid(rate h)] log pi)

    plus `nll` times the mean NLL of a token of the chosen sides of the batch.
    """

    beta: float
    rate: float
    nll: float = 0.0
