"""Pairs of responses with a weight and a reference log-probability per token, on the trainer of the NLL.

A pair is two sequences of one batch, the chosen side first; they may be packed like any others. The reference is that
of the rows: no second model, and no pass over the pairs before training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from synth_scaling.core.records import NLLRow, StepPairRow
from synth_scaling.core.stage import Cost
from synth_scaling.core.step_pair_loss import StepPairLoss
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.training import nll
from synth_scaling.training.nll import at_predictions, next_token_nll, train_examples
from synth_scaling.training.noted import NotedTrainer
from synth_scaling.training.step_pair_loss import PairTokens, margins, step_pair_loss
from synth_scaling.training.trainer import Curve, Training

COLUMNS = {"reference": 0.0, "pair": -1, "chosen": False}


def train_step_pairs(
    rows: Sequence[StepPairRow],
    training: Training,
    folder: Path,
    loss: StepPairLoss,
    curve: Curve = lambda point: None,
) -> Cost:
    """Train on `rows`, write the checkpoint to `folder`, return the cost. Raises ValueError if there are no rows.

    Points of the curve have the mean log-probability of a token of the chosen and rejected sides, the mean margin of a
    pair, and the share of pairs whose margin is positive.
    """
    if not rows:
        raise ValueError("nothing to train on: the method built no pairs")
    eos = load_tokenizer(training.start).eos_token_id
    examples = [example(row, eos, i) for i, row in enumerate(rows)]

    def trainer(*args: Any, **kwargs: Any) -> StepPairTrainer:
        return StepPairTrainer(loss, *args, **kwargs)

    return train_examples(examples, training, folder, curve, trainer, COLUMNS)


def example(row: StepPairRow, eos: int, number: int) -> dict[str, Any]:
    """Both sides of a pair as `sides`, each with lists of equal length by column; `input_ids` holds both, for lengths.

    Raises ValueError if weights or reference do not fit the tokens.
    """
    sides = []
    for chosen, tokens, ends, weights, reference in (
        (True, row.chosen, row.chosen_ends, row.chosen_weights, row.chosen_reference),
        (False, row.rejected, row.rejected_ends, row.rejected_weights, row.rejected_reference),
    ):
        lists = nll.example(NLLRow(row.prompt, tokens, ends, weights), eos)
        length, prompt = len(lists["input_ids"]), len(row.prompt)
        if len(reference) != length - prompt:
            raise ValueError(f"{len(reference)} reference log-probabilities for {length - prompt} trained tokens")
        sides.append(
            lists
            | {
                "reference": [0.0] * prompt + list(reference),
                "pair": [number] * length,
                "chosen": [chosen] * length,
            }
        )
    return {"input_ids": sides[0]["input_ids"] + sides[1]["input_ids"], "sides": sides}


class StepPairTrainer(NotedTrainer):
    """The trainer of the NLL with a loss of pairs; with gradient accumulation, a mean over the micro-batches."""

    def __init__(self, loss: StepPairLoss, *args: Any, data_collator: Any, **kwargs: Any) -> None:
        def collate(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
            return data_collator([side for e in examples for side in e["sides"]])

        super().__init__(*args, data_collator=collate, **kwargs)
        self.model_accepts_loss_kwargs = False  # no number of tokens: the loss is a mean over pairs
        self.pair_loss = loss

    def batch_loss(self, logits: torch.Tensor, inputs: dict[str, Any], items: Any, predicting: Any) -> torch.Tensor:
        labels = at_predictions(inputs["labels"], predicting)
        trained = labels != nll.IGNORED
        column = {name: at_predictions(inputs[name], predicting)[trained] for name in ("weights", *COLUMNS)}
        tokens = PairTokens(
            log_probs=-next_token_nll(logits, labels, predicting)[trained],
            reference=column["reference"],
            weights=column["weights"],
            pair=column["pair"].unique(return_inverse=True)[1],
            chosen=column["chosen"],
        )
        margin = margins(tokens)
        self.note(
            {
                "logps/chosen": (tokens.log_probs, tokens.chosen),
                "logps/rejected": (tokens.log_probs, ~tokens.chosen),
                "margins": (margin, torch.ones_like(margin)),
                "accuracies": ((margin > 0).to(margin.dtype), torch.ones_like(margin)),
            }
        )
        return step_pair_loss(self.pair_loss, tokens)
