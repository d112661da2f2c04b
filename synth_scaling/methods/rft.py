"""`rft`: rejection fine-tuning, NLL on D_syn plus the policy's own correct responses (arXiv 2308.01825)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import NLLRow
from synth_scaling.methods.method import Graded, Method, MethodOptions, nll_row


@dataclass
class RFTOptions(MethodOptions):
    name: str = "rft"


def rft(graded: Graded, options: RFTOptions, rng: np.random.Generator) -> list[NLLRow]:
    """D_syn and the positives that differ from the problem's demonstration."""
    taught = {(response.problem, response.tokens) for response in graded.demonstrations}
    own = [response for response in graded.positives if (response.problem, response.tokens) not in taught]
    return [nll_row(graded, response) for response in [*graded.demonstrations, *own]]


METHOD = Method(rft, RFTOptions, "nll", frozenset({"positives"}))
