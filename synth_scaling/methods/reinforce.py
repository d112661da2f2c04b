"""`reinforce`: policy gradient on correct and incorrect responses, weighted by sign (arXiv 2506.01347).

The loss of a token of response y is -c log pi, with c = lambda (`positive`) if y is correct and -1 (`negative`) if not.
The paper's PSR is negative=0, its NSR positive=0, its W-REINFORCE positive=0.1. The paper samples from the policy that
it trains, with PPO's clipping in its code; here responses are the distinct ones of pi_sft, and nothing corrects for it:
`topr` and `step_reinforce` do. Nothing bounds the loss of an incorrect response from below, hence the low learning
rate. With negative=0 and start=base the loss is that of `rft`, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow
from synth_scaling.methods.method import Graded, Method
from synth_scaling.methods.policy import SignedOptions, check_signed, signed_rows, signed_tokens


@dataclass
class ReinforceOptions(SignedOptions):
    name: str = "reinforce"
    learning_rate: float = 3e-5
    positive: float = 1.0  # lambda, the coefficient of the correct responses' tokens; 0: they are left out


def reinforce(graded: Graded, options: ReinforceOptions, rng: np.random.Generator) -> list[PolicyRow]:
    """One row per demonstration, positive and negative."""
    return signed_rows(graded, options)


def loss(options: ReinforceOptions) -> PolicyLoss:
    return PolicyLoss("reinforce")


METHOD = Method(
    reinforce,
    ReinforceOptions,
    "policy",
    uses=frozenset({"positives", "negatives"}),
    expected_tokens=signed_tokens,
    check=check_signed,
    title="REINFORCE",
    loss=loss,
)
