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
from synth_scaling.core.validation import one_of
from synth_scaling.methods.method import ExpectedData, Graded, Method, PreferenceOptions
from synth_scaling.methods.step_dpo import PITS, StepDPOOptions, step_dpo


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


def expected_tokens(options: RejectedOnlyOptions, data: ExpectedData) -> float:
    pairs = data.pairs * (2 * (data.prompt + data.before_error) + data.step)
    return pairs + (2 * data.demonstration_tokens if options.nll else 0.0)


def check(options: RejectedOnlyOptions) -> None:
    one_of("method.pit", options.pit, PITS)


METHOD = Method(
    rejected_only,
    RejectedOnlyOptions,
    "preference",
    uses=frozenset({"positives", "negatives", "negative_values"}),
    expected_tokens=expected_tokens,
    check=check,
    title="rejected steps only",
)
