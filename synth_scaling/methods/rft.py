"""`rft`: rejection fine-tuning, NLL on D_syn plus the policy's own correct responses (arXiv 2308.01825)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import NLLRow
from synth_scaling.methods.method import ExpectedData, Graded, Method, MethodOptions, nll_row


@dataclass
class RFTOptions(MethodOptions):
    name: str = "rft"


def rft(graded: Graded, options: RFTOptions, rng: np.random.Generator) -> list[NLLRow]:
    """D_syn and the positives that differ from the problem's demonstration."""
    taught = {(response.problem, response.tokens) for response in graded.demonstrations}
    new = [response for response in graded.positives if (response.problem, response.tokens) not in taught]
    return [nll_row(graded, response) for response in [*graded.demonstrations, *new]]


def expected_tokens(options: MethodOptions, data: ExpectedData) -> float:
    """Of `rft_filtered`, too, as if nothing was filtered: an upper bound there."""
    return data.demonstration_tokens + data.positives * data.response_row


METHOD = Method(rft, RFTOptions, "nll", uses=frozenset({"positives"}), expected_tokens=expected_tokens, title="RFT")
