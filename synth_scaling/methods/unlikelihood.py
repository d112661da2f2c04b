"""`unlikelihood`: -log(1 - pi) on the first erroneous step of each incorrect response, plus NLL on D_syn.

Unlikelihood training (arXiv 1908.04319, eq. 2) with the tokens of the first error as negative candidates: a negative
without a pair, and without a reference policy. `rejected_only` lowers the same steps by DPO's loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import PolicyRow
from synth_scaling.core.validation import above_zero, one_of
from synth_scaling.credit import first_error
from synth_scaling.methods.method import ExpectedData, Graded, Method
from synth_scaling.methods.policy import PolicyOptions, check_demonstrations, demonstration_rows, demonstration_tokens
from synth_scaling.methods.step_dpo import PITS


@dataclass
class UnlikelihoodOptions(PolicyOptions):
    name: str = "unlikelihood"
    negative: float = 1.0  # weight of the erroneous steps' tokens
    pit: str = "lowest"  # the first error: "lowest" or "first_zero", as in step_dpo
    floor: float = 1e-5  # smallest value of 1 - pi in the logarithm, at which the gradient ends


def unlikelihood(graded: Graded, options: UnlikelihoodOptions, rng: np.random.Generator) -> list[PolicyRow]:
    """D_syn, and the first error of each negative, with the steps before it in the prompt."""
    rows = demonstration_rows(graded, options)
    for response, values in zip(graded.negatives, graded.negative_values, strict=True):
        error = first_error(values.values, options.pit)  # type: ignore[arg-type]
        if error is None:
            continue
        begin, end = (0, *values.ends)[error - 1 : error + 1]
        step, ends = response.tokens[begin:end], response.finished and end == len(response.tokens)
        if step or ends:
            prompt = graded.prompts[response.problem] + response.tokens[:begin]
            rows.append(PolicyRow(prompt, step, ends, False, (-options.negative,) * (len(step) + ends)))
    return rows


def expected_tokens(options: UnlikelihoodOptions, data: ExpectedData) -> float:
    return demonstration_tokens(options, data) + data.negatives * (data.prompt + data.before_error + data.step)


def loss(options: UnlikelihoodOptions) -> PolicyLoss:
    return PolicyLoss("unlikelihood", floor=options.floor)


def check(options: UnlikelihoodOptions) -> None:
    check_demonstrations(options)
    above_zero("method.negative", options.negative)
    one_of("method.pit", options.pit, PITS)
    above_zero("method.floor", options.floor)


METHOD = Method(
    unlikelihood,
    UnlikelihoodOptions,
    "policy",
    uses=frozenset({"negatives", "negative_values"}),
    expected_tokens=expected_tokens,
    check=check,
    title="unlikelihood",
    loss=loss,
)
