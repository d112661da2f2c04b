"""`full_step_dpo`: DPO on whole responses in which every step weighs by its value (Full-Step-DPO, arXiv 2502.14356).

Pairs are those of `dpo`: a correct and an incorrect response to one problem. DPO's gradient is weighted by token: a
softmax of gamma r over the chosen side, of -gamma r over the rejected one, r the reward of the token's step. Good steps
of a correct response are raised most, bad steps of an incorrect one lowered most; no step is singled out as the first
error. The loss, the softmax over tokens, its factor sigmoid(-+ rate h) of a token's log-ratio h, gamma 0.5 and rate 1
are those of the authors' code (Anna7355/Full-Step-DPO @a6bde953, StepRunners.py and collators.py), whose beta is 0.05.

What differs: r is the Monte Carlo value Q_i after the step, not the score of a trained reward model; there a step of
reward 0 exactly is left out, here it is the worst; one correct response is drawn for each incorrect one, there every
pair of a problem's responses is one; the NLL term is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.records import Response, ResponseValues, StepPairRow
from synth_scaling.core.step_pair_loss import StepPairLoss
from synth_scaling.core.validation import above_zero, at_least
from synth_scaling.methods.method import ExpectedData, Graded, Method, MethodOptions, ends_kept, per_token


@dataclass
class FullStepDPOOptions(MethodOptions):
    name: str = "full_step_dpo"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 1e-4
    beta: float = 0.5  # strength of DPO's implicit KL penalty, in the weight of a pair
    gamma: float = 0.5  # of the softmax over step values; 0: every token weighs the same
    rate: float = 1.0  # a token weighs less the farther its log-ratio has moved the right way; 0: it does not
    nll: float = 0.0  # weight of an NLL term on the chosen side, a mean over tokens
    # whether the end token of an incorrect response is made less probable with the rest of it
    rejected_end: bool = field(default=True, metadata=ADDED)


def full_step_dpo(graded: Graded, options: FullStepDPOOptions, rng: np.random.Generator) -> list[StepPairRow]:
    """One pair per negative of a problem with a positive, which is drawn at random."""
    graded = ends_kept(graded, options.rejected_end)
    positives: dict[str, list[int]] = {}
    for i, response in enumerate(graded.positives):
        positives.setdefault(response.problem, []).append(i)
    rows = []
    for j, rejected in enumerate(graded.negatives):
        if not (candidates := positives.get(rejected.problem)):
            continue
        i = candidates[rng.integers(len(candidates))]
        chosen = graded.positives[i]
        rows.append(
            StepPairRow(
                graded.prompts[rejected.problem],
                chosen.tokens,
                chosen.finished,
                token_weights(chosen, graded.positive_values[i], options.gamma),
                tuple(graded.positive_logprobs[i]),
                rejected.tokens,
                rejected.finished,
                token_weights(rejected, graded.negative_values[j], -options.gamma),
                tuple(graded.negative_logprobs[j]),
            )
        )
    return rows


def token_weights(response: Response, values: ResponseValues, gamma: float) -> tuple[float, ...]:
    """Softmax over the tokens of gamma times the value Q_i after their step; the end token is of the last step."""
    return softmax(gamma * per_token(np.asarray(values.values[1:]), values, response))


def softmax(logits: np.ndarray | Sequence[float]) -> tuple[float, ...]:
    """Positive weights (T,) of sum 1."""
    exponentials = np.exp(np.asarray(logits) - np.max(logits))
    return tuple((exponentials / exponentials.sum()).tolist())


def expected_tokens(options: FullStepDPOOptions, data: ExpectedData) -> float:
    return data.negatives * 2 * data.response_row


def loss(options: FullStepDPOOptions) -> StepPairLoss:
    return StepPairLoss(options.beta, options.rate, options.nll)


def check(options: FullStepDPOOptions) -> None:
    above_zero("method.beta", options.beta)
    for key in ("gamma", "rate", "nll"):
        at_least(f"method.{key}", getattr(options, key), 0)


METHOD = Method(
    full_step_dpo,
    FullStepDPOOptions,
    "step_pairs",
    uses=frozenset({"positives", "negatives", "positive_values", "negative_values", "reference_logprobs"}),
    expected_tokens=expected_tokens,
    check=check,
    title="full-step DPO",
    loss=loss,
)
