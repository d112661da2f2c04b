"""`step_reinforce`: policy gradient with the signed advantage of every step, and PPO's clipped ratio.

The loss of a token in step i is -min(A_i ratio, A_i clip(ratio, 1 - clip, 1 + clip)), ratio = pi / mu of the token,
mu = pi_sft, with A_i = Q_i - Q_{i-1} from Monte Carlo rollouts: VinePPO (arXiv 2410.01679), offline and without its
whitening of advantages. With `prover=best_of_k`, A_i + alpha A_i' takes its place, A_i' the advantage under the best of
K samples of pi_sft: the progress advantage of PAV (arXiv 2410.08146, eq. 5, with V as the baseline of Q). The default
of alpha is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow, ResponseValues
from synth_scaling.core.validation import above_zero, at_least, one_of
from synth_scaling.credit import advantages, best_of
from synth_scaling.methods.method import ExpectedData, Graded, Method, per_token
from synth_scaling.methods.policy import (
    PolicyOptions,
    check_demonstrations,
    demonstration_rows,
    demonstration_tokens,
    policy_row,
    untaught,
)

PROVERS = ("pi_sft", "best_of_k")


@dataclass
class StepReinforceOptions(PolicyOptions):
    name: str = "step_reinforce"
    clip: float = 0.2  # a ratio beyond 1 - clip or 1 + clip pulls no further
    prover: str = "pi_sft"  # "best_of_k" adds the advantages under the best of `best_of` samples of pi_sft
    best_of: int = 4  # [samples] K of prover=best_of_k
    alpha: float = 1.0  # weight of the prover's advantages beside those of pi_sft


def step_reinforce(graded: Graded, options: StepReinforceOptions, rng: np.random.Generator) -> list[PolicyRow]:
    """D_syn, and the positives and negatives with a step of advantage other than 0."""
    rows = demonstration_rows(graded, options)
    sampled = [
        (graded.positives[i], graded.positive_values[i], graded.positive_logprobs[i]) for i in untaught(graded, options)
    ]
    sampled += zip(graded.negatives, graded.negative_values, graded.negative_logprobs, strict=True)
    for response, values, reference in sampled:
        coefficients = per_token(step_coefficients(values, options), values, response)
        if coefficients.any():
            rows.append(policy_row(graded, response, coefficients.tolist(), reference))
    return rows


def step_coefficients(values: ResponseValues, options: StepReinforceOptions) -> np.ndarray:
    """(L,) coefficients of the steps."""
    gains = advantages(values.values)
    if options.prover == "best_of_k":
        gains = gains + options.alpha * advantages(best_of(values.values, options.best_of))
    return gains


def expected_tokens(options: StepReinforceOptions, data: ExpectedData) -> float:
    return demonstration_tokens(options, data) + (data.positives + data.negatives) * data.response_row


def loss(options: StepReinforceOptions) -> PolicyLoss:
    return PolicyLoss("clipped", clip=options.clip)


def check(options: StepReinforceOptions) -> None:
    check_demonstrations(options)
    above_zero("method.clip", options.clip)
    one_of("method.prover", options.prover, PROVERS)
    at_least("method.best_of", options.best_of, 1)
    at_least("method.alpha", options.alpha, 0)


METHOD = Method(
    step_reinforce,
    StepReinforceOptions,
    "policy",
    uses=frozenset({"positives", "negatives", "positive_values", "negative_values", "reference_logprobs"}),
    expected_tokens=expected_tokens,
    check=check,
    title="per-step REINFORCE",
    loss=loss,
)
