"""`step_dpo`: per-step DPO on the first pit of each incorrect response (arXiv 2406.14532, section 6 and theorem 6.1).

The prompt is x with the steps before the pit, rejected is the pit, chosen a correct completion sampled from the
same prefix. The loss falls on what follows the shared prefix only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import PreferenceRow
from synth_scaling.credit import first_error
from synth_scaling.methods.method import Graded, Method, PreferenceOptions


@dataclass
class StepDPOOptions(PreferenceOptions):
    name: str = "step_dpo"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 1e-3
    nll: float = 3.0  # weight of an NLL term on the chosen side; a mean over tokens, while the DPO term is a sum
    # the first error: "lowest" (first lowest value) or "first_zero" (first step with no correct completion)
    pit: str = "lowest"
    rejected: str = "step"  # "step": the first error alone; "rest": everything from it on
    chosen: str = "prefix"  # "prefix": a correct completion of the shared prefix; "response": a whole correct response


def step_dpo(graded: Graded, options: StepDPOOptions, rng: np.random.Generator) -> list[PreferenceRow]:
    """One pair a negative that has a pit and a correct continuation of what comes before it.

    `chosen="response"` is the paper's algorithm (a full correct response against y_1..y_c, both after x), the
    default its theorem's form.
    """
    own_positives: dict[str, list[tuple[int, ...]]] = {}
    for response in graded.positives:
        own_positives.setdefault(response.problem, []).append(response.tokens)
    rows = []
    for response, values in zip(graded.negatives, graded.negative_values, strict=True):
        pit = first_error(values.values, options.pit)  # type: ignore[arg-type]
        if pit is None:
            continue
        begin = values.ends[pit - 2] if pit > 1 else 0
        cut = values.ends[pit - 1] if options.rejected == "step" else len(response.tokens)
        prefix: tuple[int, ...]
        if begin == 0 or options.chosen == "response":
            prefix, begin = (), 0
            candidates = own_positives.get(response.problem, [])
        else:
            prefix = response.tokens[:begin]
            candidates = list(graded.prefix_values[response.problem, prefix].correct)
        rejected = response.tokens[begin:cut]
        # A right completion that takes the rejected step says that the pit is none: it is not set against itself.
        candidates = [tokens for tokens in candidates if not rejected or tokens[: len(rejected)] != rejected]
        rejected_ends = response.finished and cut == len(response.tokens)
        if candidates and (rejected or rejected_ends):
            chosen = candidates[rng.integers(len(candidates))]
            prompt = graded.prompts[response.problem] + prefix
            rows.append(PreferenceRow(prompt, chosen, True, rejected, rejected_ends))
    return rows


METHOD = Method(step_dpo, StepDPOOptions, "preference", frozenset({"positives", "negatives", "negative_values"}))
