"""`step_sft`: NLL on the chosen sides of `step_dpo`'s pairs plus D_syn.

The control that isolates the effect of the rejected side: the same correct continuations, without negatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import NLLRow
from synth_scaling.core.validation import one_of
from synth_scaling.methods.method import ExpectedData, Graded, Method, MethodOptions, nll_row
from synth_scaling.methods.step_dpo import PITS, StepDPOOptions, step_dpo


@dataclass
class StepSFTOptions(MethodOptions):
    name: str = "step_sft"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 1e-3
    pit: str = "lowest"  # the first error: "lowest" or "first_zero", as in step_dpo
    demonstrations: bool = True  # D_syn is trained on as well


def step_sft(graded: Graded, options: StepSFTOptions, rng: np.random.Generator) -> list[NLLRow]:
    """One row per pair of `step_dpo` with the same options and random draws, and D_syn."""
    pairs = step_dpo(graded, StepDPOOptions(pit=options.pit), rng)
    rows = [NLLRow(pair.prompt, pair.chosen, pair.chosen_ends) for pair in pairs]
    if options.demonstrations:
        rows += [nll_row(graded, response) for response in graded.demonstrations]
    return rows


def expected_tokens(options: StepSFTOptions, data: ExpectedData) -> float:
    demonstrations = data.demonstration_tokens if options.demonstrations else 0.0
    return demonstrations + data.pairs * data.response_row


def check(options: StepSFTOptions) -> None:
    one_of("method.pit", options.pit, PITS)


METHOD = Method(
    step_sft,
    StepSFTOptions,
    "nll",
    uses=frozenset({"positives", "negatives", "negative_values"}),
    expected_tokens=expected_tokens,
    check=check,
    title="per-step SFT",
)
