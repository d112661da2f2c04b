"""`rft_filtered`: RFT without spurious steps: steps of correct responses with no advantage (arXiv 2406.14532, 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import NLLRow
from synth_scaling.core.validation import at_least, one_of
from synth_scaling.credit import best_of, spurious_steps
from synth_scaling.methods.method import Graded, Method, MethodOptions, nll_row
from synth_scaling.methods.rft import expected_tokens

DROPS = ("responses", "tokens")


@dataclass
class RFTFilteredOptions(MethodOptions):
    name: str = "rft_filtered"
    drop: str = "responses"  # "responses" with a spurious step, or the "tokens" of the spurious steps alone
    best_of: int = 1  # values are those of the best of so many samples of pi_sft
    spurious_threshold: float = -0.25  # a step is spurious if its advantage is at most this


def rft_filtered(graded: Graded, options: RFTFilteredOptions, rng: np.random.Generator) -> list[NLLRow]:
    """D_syn and the positives without spurious steps: such responses are dropped, or such steps' tokens get weight 0.

    D_syn is not filtered: its step values are not estimated.
    """
    taught = {(response.problem, response.tokens) for response in graded.demonstrations}
    rows = [nll_row(graded, response) for response in graded.demonstrations]
    for response, values in zip(graded.positives, graded.positive_values, strict=True):
        if (response.problem, response.tokens) in taught:
            continue
        spurious = spurious_steps(best_of(values.values, options.best_of), options.spurious_threshold)
        if not spurious:
            rows.append(nll_row(graded, response))
        elif options.drop == "tokens":
            weights = [1.0] * (len(response.tokens) + response.finished)
            for step in spurious:
                begin = values.ends[step - 2] if step > 1 else 0
                weights[begin : values.ends[step - 1]] = [0.0] * (values.ends[step - 1] - begin)
            rows.append(nll_row(graded, response, weights))
    return rows


def check(options: RFTFilteredOptions) -> None:
    one_of("method.drop", options.drop, DROPS)
    at_least("method.best_of", options.best_of, 1)


METHOD = Method(
    rft_filtered,
    RFTFilteredOptions,
    "nll",
    uses=frozenset({"positives", "positive_values"}),
    expected_tokens=expected_tokens,
    check=check,
    title="RFT, filtered",
)
