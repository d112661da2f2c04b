"""`dpo` and `dpo_edit_distance`: pairs of a correct and an incorrect response to one problem (arXiv 2305.18290).

The two methods pair differently: at random (standard DPO), or the nearest or farthest in edit distance.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from rapidfuzz.distance import Levenshtein

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.records import PreferenceRow, Response
from synth_scaling.core.validation import one_of
from synth_scaling.methods.method import (
    ExpectedData,
    Graded,
    Method,
    PairLossOptions,
    by_problem,
    check_pair_loss,
    ends_kept,
)

PAIRINGS = ("random", "nearest", "farthest")


@dataclass
class DPOOptions(PairLossOptions):
    name: str = "dpo"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 1e-4
    # of correct and incorrect responses of a problem: "random", "nearest" or "farthest" in edit distance
    pairing: str = "random"
    # whether the end token of an incorrect response is made less probable with the rest of it
    rejected_end: bool = field(default=True, metadata=ADDED)


@dataclass
class DPOEditDistanceOptions(DPOOptions):
    name: str = "dpo_edit_distance"
    pairing: str = "nearest"


def dpo(graded: Graded, options: DPOOptions, rng: np.random.Generator) -> list[PreferenceRow]:
    """One pair per negative. For a problem without a sampled positive, the demonstration is the chosen side."""
    chosen_by_problem = by_problem(graded.demonstrations) | by_problem(graded.positives)
    rows = []
    for rejected in ends_kept(graded, options.rejected_end).negatives:
        chosen = pick(chosen_by_problem[rejected.problem], rejected, options.pairing, rng)
        prompt = graded.prompts[rejected.problem]
        rows.append(PreferenceRow(prompt, chosen.tokens, chosen.finished, rejected.tokens, rejected.finished))
    return rows


def pick(candidates: list[Response], rejected: Response, pairing: str, rng: np.random.Generator) -> Response:
    """The candidate selected by `pairing`; the earlier one on ties in edit distance."""
    if pairing == "random":
        return candidates[rng.integers(len(candidates))]
    distances = [Levenshtein.distance(candidate.tokens, rejected.tokens) for candidate in candidates]
    return candidates[int(np.argmin(distances) if pairing == "nearest" else np.argmax(distances))]


def expected_tokens(options: DPOOptions, data: ExpectedData) -> float:
    return data.negatives * 2 * data.response_row


def check(options: DPOOptions) -> None:
    one_of("method.pairing", options.pairing, PAIRINGS)
    check_pair_loss(options)


METHOD = Method(
    dpo,
    DPOOptions,
    "preference",
    uses=frozenset({"positives", "negatives"}),
    expected_tokens=expected_tokens,
    check=check,
    title="DPO",
)
EDIT_DISTANCE = replace(METHOD, options=DPOEditDistanceOptions, title="DPO, edit distance")
