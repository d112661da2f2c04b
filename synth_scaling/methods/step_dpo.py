"""`step_dpo`: per-step DPO at the first error of each incorrect response (arXiv 2406.14532, section 6, theorem 6.1).

The paper calls the first error the "first pit". The prompt is x with the steps before it, the rejected side is the
erroneous step, the chosen side a correct completion sampled from the same prefix. The loss covers only the tokens
after the shared prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synth_scaling.core.records import PreferenceRow
from synth_scaling.core.validation import one_of
from synth_scaling.credit import first_error
from synth_scaling.methods.method import ExpectedData, Graded, Method, PairLossOptions, by_problem, check_pair_loss

PITS = ("lowest", "first_zero")  # how the first error is read off the step values: synth_scaling.credit.first_error
REJECTED = ("step", "rest")
CHOSEN = ("prefix", "response")


@dataclass
class StepDPOOptions(PairLossOptions):
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
    """One pair per negative that has a first error and a correct continuation of the prefix before it.

    `chosen="response"` is the paper's algorithm (a full correct response against y_1..y_c, both after x); the
    default is the form that its theorem assumes.
    """
    positives = by_problem(graded.positives)
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
            candidates = [positive.tokens for positive in positives.get(response.problem, [])]
        else:
            prefix = response.tokens[:begin]
            candidates = list(graded.prefix_values[response.problem, prefix].correct)
        rejected = response.tokens[begin:cut]
        # A correct completion that takes the rejected step shows that the step is no error: no pair with itself.
        candidates = [tokens for tokens in candidates if not rejected or tokens[: len(rejected)] != rejected]
        rejected_ends = response.finished and cut == len(response.tokens)
        if candidates and (rejected or rejected_ends):
            chosen = candidates[rng.integers(len(candidates))]
            prompt = graded.prompts[response.problem] + prefix
            rows.append(PreferenceRow(prompt, chosen, True, rejected, rejected_ends))
    return rows


def expected_tokens(options: StepDPOOptions, data: ExpectedData) -> float:
    rejected = data.response - data.before_error if options.rejected == "rest" else data.step
    return data.pairs * (data.response_row + data.prompt + data.before_error + rejected)


def check(options: StepDPOOptions) -> None:
    one_of("method.pit", options.pit, PITS)
    one_of("method.rejected", options.rejected, REJECTED)
    one_of("method.chosen", options.chosen, CHOSEN)
    check_pair_loss(options)


METHOD = Method(
    step_dpo,
    StepDPOOptions,
    "preference",
    uses=frozenset({"positives", "negatives", "negative_values"}),
    expected_tokens=expected_tokens,
    check=check,
    title="per-step DPO",
)
