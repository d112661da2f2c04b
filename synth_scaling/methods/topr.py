"""`topr`: NLL on correct responses; incorrect ones weighted by their importance ratio, truncated to [0, 1].

Tapered Off-Policy REINFORCE (arXiv 2503.14286, section 3): the loss of a token is -log pi in a correct response and
+a log pi in an incorrect one, with a = min(pi(y) / mu(y), 1) without its gradient, mu = pi_sft. An incorrect response
that the policy has unlearned weighs nothing. The paper's ratio is that of the whole response (`ratio=response`); public
code also takes the token's. The paper sums over a response's tokens, here the loss is a mean over the batch's tokens.
Its reward baseline b, with rewards of 1 and -1, is positive = 1 - b, negative = 1 + b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow
from synth_scaling.core.validation import one_of
from synth_scaling.methods.method import Graded, Method
from synth_scaling.methods.policy import SignedOptions, check_signed, signed_rows, signed_tokens

RATIOS = ("response", "token")


@dataclass
class TOPROptions(SignedOptions):
    name: str = "topr"
    ratio: str = "response"  # whose ratio is truncated: that of the whole "response", or of each "token"


def topr(graded: Graded, options: TOPROptions, rng: np.random.Generator) -> list[PolicyRow]:
    """One row per demonstration, positive and negative."""
    return signed_rows(graded, options)


def loss(options: TOPROptions) -> PolicyLoss:
    return PolicyLoss("topr", ratio=options.ratio)  # type: ignore[arg-type]


def check(options: TOPROptions) -> None:
    check_signed(options)
    one_of("method.ratio", options.ratio, RATIOS)


METHOD = Method(
    topr,
    TOPROptions,
    "policy",
    uses=frozenset({"positives", "negatives", "reference_logprobs"}),
    expected_tokens=signed_tokens,
    check=check,
    title="TOPR",
    loss=loss,
)
