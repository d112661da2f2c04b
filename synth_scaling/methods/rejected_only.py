"""`rejected_only`: the rejected sides of `step_dpo`'s pairs, without their chosen sides, plus NLL on D_syn.

The counterpart of `step_sft`: incorrect steps alone, no correct continuation of a state that the policy reached. The
loss of a rejected step y_c after its prefix s is DPO's with an empty chosen side,

    -log sigmoid(-beta * log(pi(y_c | s) / pi_sft(y_c | s))),

and `nll` times the mean NLL of a token of D_syn keeps the policy from forgetting how to answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import PreferenceRow
from synth_scaling.methods.method import Graded, Method, PreferenceOptions
from synth_scaling.methods.step_dpo import StepDPOOptions, step_dpo


@dataclass
class RejectedOnlyOptions(PreferenceOptions):
    name: str = "rejected_only"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 3e-4
    beta: float = 0.3
    nll: float = 0.3  # on D_syn
    pit: str = "lowest"  # or "first_zero"


def rejected_only(graded: Graded, options: RejectedOnlyOptions, rng: np.random.Generator) -> list[PreferenceRow]:
    """One row per pair of `step_dpo` with the same options and random draws, with nothing chosen; and D_syn.

    A demonstration is set against itself: the two sides' log-ratios cancel, in value and gradient, and its NLL is left.
    """
    pairs = step_dpo(graded, StepDPOOptions(pit=options.pit), rng)
    rows = [PreferenceRow(pair.prompt, (), False, pair.rejected, pair.rejected_ends) for pair in pairs]
    if options.nll:
        for y in graded.demonstrations:
            rows.append(PreferenceRow(graded.prompts[y.problem], y.tokens, y.finished, y.tokens, y.finished))
    return rows


METHOD = Method(
    rejected_only, RejectedOnlyOptions, "preference", frozenset({"positives", "negatives", "negative_values"})
)
