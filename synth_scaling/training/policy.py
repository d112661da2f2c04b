"""Losses per token of sampled responses (objective `policy`), on the trainer of the NLL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import NLLRow, PolicyRow
from synth_scaling.core.stage import Cost
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.training import nll
from synth_scaling.training.nll import at_predictions, next_token_nll, train_examples
from synth_scaling.training.noted import NotedTrainer
from synth_scaling.training.policy_loss import Tokens, token_losses
from synth_scaling.training.trainer import Curve, Training

# Columns beside those of the NLL, whose `weights` are the coefficients; and the values that pad them.
COLUMNS: Mapping[str, Any] = {"reference": 0.0, "pass_rates": 0.0, "sampled": False, "row": -1, "correct": False}


def train_policy(
    rows: Sequence[PolicyRow],
    training: Training,
    folder: Path,
    loss: PolicyLoss,
    curve: Curve = lambda point: None,
) -> Cost:
    """Train on `rows`, write the checkpoint to `folder`, return the cost. Raises ValueError if there are no rows.

    Points of the curve have the mean log-probability of a token of correct (D_syn included) and incorrect responses,
    and the mean ratio pi / mu of a token.
    """
    if not rows:
        raise ValueError("nothing to train on: the method built no rows")
    eos = load_tokenizer(training.start).eos_token_id
    examples = [example(row, eos, i) for i, row in enumerate(rows)]

    def trainer(*args: Any, **kwargs: Any) -> PolicyTrainer:
        return PolicyTrainer(loss, *args, **kwargs)

    return train_examples(examples, training, folder, curve, trainer, COLUMNS)


def example(row: PolicyRow, eos: int, number: int) -> dict[str, list]:
    """Lists of equal length, by column. Raises ValueError if coefficients or reference do not fit the tokens."""
    lists = nll.example(NLLRow(row.prompt, row.completion, row.ends, row.coefficients), eos)
    prompt, n = len(row.prompt), len(row.coefficients)
    if row.reference is not None and len(row.reference) != n:
        raise ValueError(f"{len(row.reference)} reference log-probabilities for {n} trained tokens")
    return lists | {
        "reference": [0.0] * prompt + list(row.reference or [0.0] * n),
        "pass_rates": [row.pass_rate] * (prompt + n),
        "sampled": [False] * prompt + [row.reference is not None] * n,
        "row": [number] * (prompt + n),
        "correct": [row.correct] * (prompt + n),
    }


class PolicyTrainer(NotedTrainer):
    """The trainer of the NLL with another loss per token, and means of log-probabilities and ratios in its logs."""

    def __init__(self, loss: PolicyLoss, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.policy_loss = loss

    def batch_loss(self, logits: torch.Tensor, inputs: dict[str, Any], items: Any, predicting: Any) -> torch.Tensor:
        """Sum of the tokens' losses, divided by the number of trained tokens as in :func:`nll.weighted_nll`."""
        labels = at_predictions(inputs["labels"], predicting)
        column = {name: at_predictions(inputs[name], predicting) for name in ("weights", *COLUMNS)}
        tokens = Tokens(
            log_probs=-next_token_nll(logits, labels, predicting),
            coefficients=column["weights"],
            reference=column["reference"],
            pass_rates=column["pass_rates"],
            sampled=column["sampled"],
            row=column["row"],
        )
        trained = labels != nll.IGNORED
        self.note(
            {
                "logps/correct": (tokens.log_probs, trained & column["correct"]),
                "logps/incorrect": (tokens.log_probs, trained & ~column["correct"]),
                "ratio": (tokens.ratio, tokens.sampled),
            }
        )
        return token_losses(self.policy_loss, tokens).sum() / (trained.sum() if items is None else items)
