"""`dpo` and `dpo_edit_distance`: a correct against an incorrect response of the same problem (arXiv 2305.18290).

The two differ in how they are paired: at random (standard DPO), or nearest or farthest in edit distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from synth_scaling.core.records import PreferenceRow, Response
from synth_scaling.methods.method import Graded, Method, PreferenceOptions, by_problem


@dataclass
class DPOOptions(PreferenceOptions):
    name: str = "dpo"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 1e-4
    # of correct and incorrect responses of a problem: "random", "nearest" or "farthest" in edit distance
    pairing: str = "random"


@dataclass
class DPOEditDistanceOptions(DPOOptions):
    name: str = "dpo_edit_distance"
    pairing: str = "nearest"


def dpo(graded: Graded, options: DPOOptions, rng: np.random.Generator) -> list[PreferenceRow]:
    """One pair a negative. A problem without a sampled positive is paired with its demonstration."""
    chosen_by_problem = by_problem(graded.demonstrations) | by_problem(graded.positives)
    rows = []
    for rejected in graded.negatives:
        chosen = pick(chosen_by_problem[rejected.problem], rejected, options.pairing, rng)
        prompt = graded.prompts[rejected.problem]
        rows.append(PreferenceRow(prompt, chosen.tokens, chosen.finished, rejected.tokens, rejected.finished))
    return rows


def pick(candidates: list[Response], rejected: Response, pairing: str, rng: np.random.Generator) -> Response:
    """The candidate that `pairing` takes; ties in edit distance go to the earlier one."""
    if pairing == "random":
        return candidates[rng.integers(len(candidates))]
    distances = [Levenshtein.distance(candidate.tokens, rejected.tokens) for candidate in candidates]
    return candidates[int(np.argmin(distances) if pairing == "nearest" else np.argmax(distances))]


METHOD = Method(dpo, DPOOptions, "preference", frozenset({"positives", "negatives"}))
EDIT_DISTANCE = Method(dpo, DPOEditDistanceOptions, "preference", frozenset({"positives", "negatives"}))
