"""`advantage_weighted`: NLL on positive and negative responses, each step weighted by its advantage.

Advantage-weighted regression (arXiv 1910.00177) on steps; its optimum is that of per-step DPO (arXiv 2406.14532,
theorem 6.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import NLLRow
from synth_scaling.core.validation import above_zero, at_least, one_of
from synth_scaling.credit import advantages, best_of
from synth_scaling.methods.method import ExpectedData, Graded, Method, MethodOptions, nll_row, per_token

WEIGHTS = ("exp", "positive")


@dataclass
class AdvantageWeightedOptions(MethodOptions):
    name: str = "advantage_weighted"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 1e-3
    weight: str = "exp"  # of a step with advantage A: "exp" is exp(A / beta), at most `clip`; "positive" is max(A, 0)
    beta: float = 0.1  # temperature of the weights exp(A / beta)
    clip: float = 10.0  # largest weight of a step
    best_of: int = 1  # values are those of the best of so many samples of pi_sft
    demonstrations: bool = True  # D_syn is trained on as well, with weight 1


def advantage_weighted(graded: Graded, options: AdvantageWeightedOptions, rng: np.random.Generator) -> list[NLLRow]:
    """One row per response. Weights are scaled to mean 1 over the tokens of the self-generated responses."""
    responses = [*graded.positives, *graded.negatives]
    values = [*graded.positive_values, *graded.negative_values]
    weighted = []
    for response, row in zip(responses, values, strict=True):
        step_weights = weights_of(advantages(best_of(row.values, options.best_of)), options)
        weighted.append(per_token(step_weights, row, response))
    weighted = mean_one(weighted)
    rows = [nll_row(graded, response, w.tolist()) for response, w in zip(responses, weighted, strict=True)]
    if options.demonstrations:
        rows += [nll_row(graded, response) for response in graded.demonstrations]
    return rows


def mean_one(weighted: list[np.ndarray]) -> list[np.ndarray]:
    """The weights scaled to mean 1 over all tokens; equal weights become exactly 1, all zeros stay zeros."""
    largest = max((w.max() for w in weighted if len(w)), default=0.0)
    if largest == 0.0:
        return weighted
    weighted = [w / largest for w in weighted]
    mean = np.concatenate(weighted).mean()
    return [w / mean for w in weighted]


def weights_of(step_advantages: np.ndarray, options: AdvantageWeightedOptions) -> np.ndarray:
    """(L,) step weights from (L,) step advantages."""
    if options.weight == "positive":
        return np.maximum(step_advantages, 0.0)
    return np.minimum(np.exp(step_advantages / options.beta), options.clip)


def expected_tokens(options: AdvantageWeightedOptions, data: ExpectedData) -> float:
    demonstrations = data.demonstration_tokens if options.demonstrations else 0.0
    return demonstrations + (data.positives + data.negatives) * data.response_row


def check(options: AdvantageWeightedOptions) -> None:
    one_of("method.weight", options.weight, WEIGHTS)
    above_zero("method.beta", options.beta)
    above_zero("method.clip", options.clip)
    at_least("method.best_of", options.best_of, 1)


METHOD = Method(
    advantage_weighted,
    AdvantageWeightedOptions,
    "nll",
    uses=frozenset({"positives", "negatives", "positive_values", "negative_values"}),
    expected_tokens=expected_tokens,
    check=check,
    title="advantage-weighted",
)
