"""`step_sft`: NLL on the chosen sides of `step_dpo`'s pairs plus D_syn.

The control that tells the negative's own worth: right continuations of the same prefixes, no wrong step shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import NLLRow
from synth_scaling.methods.method import Graded, Method, MethodOptions, nll_row
from synth_scaling.methods.step_dpo import StepDPOOptions, step_dpo


@dataclass
class StepSFTOptions(MethodOptions):
    name: str = "step_sft"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 1e-3
    pit: str = "lowest"  # the first error: "lowest" or "first_zero", as in step_dpo
    demonstrations: bool = True  # D_syn is trained on as well


def step_sft(graded: Graded, options: StepSFTOptions, rng: np.random.Generator) -> list[NLLRow]:
    """One row a pair of `step_dpo` with the same options and random draws, and D_syn."""
    pairs = step_dpo(graded, StepDPOOptions(pit=options.pit), rng)
    rows = [NLLRow(pair.prompt, pair.chosen, pair.chosen_ends) for pair in pairs]
    if options.demonstrations:
        rows += [nll_row(graded, response) for response in graded.demonstrations]
    return rows


METHOD = Method(step_sft, StepSFTOptions, "nll", frozenset({"positives", "negatives", "negative_values"}))
