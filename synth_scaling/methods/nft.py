"""`nft`: the policy's implicit negative, trained on incorrect responses by maximum likelihood (arXiv 2505.18116).

Negative-aware fine-tuning. With r the pass rate of the problem and ratio = pi / mu of a token, mu = pi_sft, the loss is
-log ratio in a correct response, and -log max((1 - r ratio) / (1 - r), floor) in an incorrect one, where the maximum
lets the gradient pass; both are weighted by problem. Token ratios, r within 0.02 to 0.98, floor 1 and weight 1 - r are
those of the public code (NVlabs/NFT, dp_actor.py and train_7B.sh); problems with r = 0 or 1 are left out there, and
here. There rollouts are renewed; here they are the distinct ones of pi_sft, and D_syn is trained on as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow
from synth_scaling.core.validation import above_zero, at_least, one_of
from synth_scaling.methods.method import ExpectedData, Graded, Method, ends_kept
from synth_scaling.methods.policy import (
    PolicyOptions,
    check_demonstrations,
    demonstration_rows,
    demonstration_tokens,
    policy_row,
    untaught,
)

WEIGHTS = ("one", "difficulty", "odds")
LOWEST = 0.02  # pass rates are within LOWEST and 1 - LOWEST in the loss


@dataclass
class NFTOptions(PolicyOptions):
    name: str = "nft"
    negative: float = 1.0  # weight of the incorrect responses beside the correct ones; 0: positives only
    weight: str = "difficulty"  # of a problem with pass rate r: "one", "difficulty" 1 - r, "odds" sqrt((1 - r) / r)
    floor: float = 1.0  # smallest value of (1 - r ratio) / (1 - r) in the logarithm
    # whether the end token of an incorrect response is made less probable with the rest of it
    rejected_end: bool = field(default=True, metadata=ADDED)


def nft(graded: Graded, options: NFTOptions, rng: np.random.Generator) -> list[PolicyRow]:
    """D_syn, and the responses to problems with correct and incorrect rollouts."""
    graded = ends_kept(graded, options.rejected_end)
    rows = demonstration_rows(graded, options)
    kept = untaught(graded, options)
    sampled = [(graded.positives[i], graded.positive_logprobs[i], 1.0) for i in kept]
    if options.negative:
        pairs = zip(graded.negatives, graded.negative_logprobs, strict=True)
        sampled += [(response, reference, -options.negative) for response, reference in pairs]
    for response, reference, sign in sampled:
        rate = graded.pass_rates[response.problem]
        if 0 < rate < 1:
            rate = min(max(rate, LOWEST), 1 - LOWEST)
            rows.append(policy_row(graded, response, sign * problem_weight(rate, options.weight), reference, rate))
    return rows


def problem_weight(rate: float, weight: str) -> float:
    """Weight of a problem with pass rate `rate`, one of WEIGHTS."""
    return {"one": 1.0, "difficulty": 1 - rate, "odds": sqrt((1 - rate) / rate)}[weight]


def expected_tokens(options: NFTOptions, data: ExpectedData) -> float:
    """As if no problem was left out: an upper bound."""
    responses = data.positives + data.negatives * (options.negative > 0)
    return demonstration_tokens(options, data) + responses * data.response_row


def loss(options: NFTOptions) -> PolicyLoss:
    return PolicyLoss("nft", floor=options.floor)


def check(options: NFTOptions) -> None:
    check_demonstrations(options)
    at_least("method.negative", options.negative, 0)
    one_of("method.weight", options.weight, WEIGHTS)
    above_zero("method.floor", options.floor)


METHOD = Method(
    nft,
    NFTOptions,
    "policy",
    uses=frozenset({"positives", "negatives", "reference_logprobs"}),
    expected_tokens=expected_tokens,
    check=check,
    title="NFT",
    loss=loss,
)
