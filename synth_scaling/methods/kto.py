"""`kto`: Kahneman-Tversky optimisation on responses without pairs (arXiv 2402.01306), by TRL's KTOTrainer.

Correct responses are desirable, incorrect ones undesirable; problems whose responses are all incorrect take part. The
loss of a response with log-ratio h = log pi(y) / pi_ref(y) is `desirable` (1 - sigmoid(beta (h - z))) or `undesirable`
(1 - sigmoid(beta (z - h))), where z, an estimate of the KL divergence from the reference, is the mean log-ratio of
mismatched prompts and responses of the batch, at least 0. The reference is the checkpoint that training starts from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.records import UnpairedRow
from synth_scaling.methods.method import ExpectedData, Graded, Method, UnpairedOptions, ends_kept


@dataclass
class KTOOptions(UnpairedOptions):
    name: str = "kto"
    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 3e-5
    beta: float = 0.5
    demonstrations: bool = True  # D_syn's solutions are desirable responses, too
    # whether the end token of an incorrect response is made less probable with the rest of it
    rejected_end: bool = field(default=True, metadata=ADDED)


def kto(graded: Graded, options: KTOOptions, rng: np.random.Generator) -> list[UnpairedRow]:
    """One row per demonstration, positive and negative, in random order, which the training keeps in every epoch."""
    taught = list(graded.demonstrations) if options.demonstrations else []
    known = {(y.problem, y.tokens) for y in taught}
    negatives = ends_kept(graded, options.rejected_end).negatives
    responses = [*taught, *(y for y in graded.positives if (y.problem, y.tokens) not in known), *negatives]
    rows = [UnpairedRow(graded.prompts[y.problem], y.tokens, y.finished, bool(y.reward)) for y in responses]
    return [rows[i] for i in rng.permutation(len(rows))]


def expected_tokens(options: KTOOptions, data: ExpectedData) -> float:
    demonstrations = data.demonstration_tokens if options.demonstrations else 0.0
    return demonstrations + (data.positives + data.negatives) * data.response_row


METHOD = Method(
    kto,
    KTOOptions,
    "unpaired",
    uses=frozenset({"positives", "negatives"}),
    expected_tokens=expected_tokens,
    title="KTO",
)
