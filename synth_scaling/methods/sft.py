"""`sft`: next-token NLL on the teacher's solutions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import NLLRow
from synth_scaling.methods.method import ExpectedData, Graded, Method, MethodOptions, nll_row


@dataclass
class SFTOptions(MethodOptions):
    name: str = "sft"
    learning_rate: float = 1e-3


def sft(graded: Graded, options: SFTOptions, rng: np.random.Generator) -> list[NLLRow]:
    """One row per demonstration."""
    return [nll_row(graded, response) for response in graded.demonstrations]


def expected_tokens(options: SFTOptions, data: ExpectedData) -> float:
    return data.demonstration_tokens


METHOD = Method(sft, SFTOptions, "nll", uses=frozenset(), expected_tokens=expected_tokens, title="SFT")
