"""Next-token NLL with a weight per token, on transformers' Trainer.

All NLL methods share this loss; without weights every trained token has weight 1. TRL's SFTTrainer has no token
weights, and at 20 ms per step its metrics take a quarter of the time (benchmarks/training.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from peft import get_peft_model
from transformers import TrainingArguments

from synth_scaling.core.flops import matmul_parameters, training_flops
from synth_scaling.core.records import NLLRow
from synth_scaling.core.stage import Cost
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.training.batches import IGNORED, Pack, PadRight
from synth_scaling.training.lora import adapter
from synth_scaling.training.sharded import ShardedTrainer
from synth_scaling.training.speed import predicting_positions
from synth_scaling.training.trainer import Curve, CurveRecorder, Training, arguments, load_model, run


def train_nll(rows: Sequence[NLLRow], training: Training, folder: Path, curve: Curve = lambda point: None) -> Cost:
    """Train on `rows`, write the checkpoint to `folder`, return the cost. Raises ValueError if there are no rows."""
    if not rows:
        raise ValueError("nothing to train on: the method built no rows")
    eos = load_tokenizer(training.start).eos_token_id
    return train_examples([example(row, eos) for row in rows], training, folder, curve, NLLTrainer)


def train_examples(
    examples: list[dict[str, list]],
    training: Training,
    folder: Path,
    curve: Curve,
    kind: Callable[..., NLLTrainer],
    columns: Mapping[str, Any] | None = None,
) -> Cost:
    """Train by a trainer of `kind` on examples with the columns of :func:`example` and further ones (`columns`)."""
    tokenizer = load_tokenizer(training.start)
    training_arguments = TrainingArguments(**arguments(training, folder))
    model: Any = load_model(training)
    if (lora := adapter(training.options.lora)) is not None:
        model = get_peft_model(model, lora)
    trainer = kind(
        model,
        training_arguments,
        data_collator=(Pack if training.options.packing else PadRight)(tokenizer.pad_token_id, columns),
        train_dataset=examples,
        callbacks=[CurveRecorder(training, folder, curve)],
    )
    trainer.trained_logits = training.options.trained_logits
    run(trainer, training, folder)
    tokens = round(training.epochs * sum(len(e["input_ids"]) for e in examples))
    return Cost(
        tokens_trained=tokens, flops_training=training_flops(matmul_parameters(folder), tokens, frozen=lora is not None)
    )


def example(row: NLLRow, eos: int) -> dict[str, list]:
    """Lists `input_ids`, `labels` (IGNORED on the prompt) and `weights` of one row, all of equal length.

    The end token is appended iff the row ends. Raises ValueError if the weights do not fit the trained tokens.
    """
    trained = [*row.completion, *([eos] if row.ends else [])]
    weights = [1.0] * len(trained) if row.weights is None else list(row.weights)
    if len(weights) != len(trained):
        raise ValueError(f"{len(weights)} weights for {len(trained)} trained tokens")
    n = len(row.prompt)
    return {"input_ids": [*row.prompt, *trained], "labels": [IGNORED] * n + trained, "weights": [0.0] * n + weights}


class NLLTrainer(ShardedTrainer):
    trained_logits = False  # logits at the positions that predict a trained token alone

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Sum of weight times NLL over the trained tokens of the batch, divided by their number.

        With several processes that is the number in all of them, and the Trainer averages: hence the factor.
        """
        positions = {"position_ids": inputs["position_ids"]} if "position_ids" in inputs else {}
        predicting = predicting_positions(inputs["labels"]) if self.trained_logits else None
        fewer = {} if predicting is None else {"logits_to_keep": predicting}
        outputs = model(input_ids=inputs["input_ids"], use_cache=False, **positions, **fewer)
        loss = self.batch_loss(outputs.logits, inputs, num_items_in_batch, predicting)
        if num_items_in_batch is not None and self.accelerator.num_processes > 1:
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def batch_loss(self, logits: torch.Tensor, inputs: dict[str, Any], items: Any, predicting: Any) -> torch.Tensor:
        """Scalar loss of a batch from its logits, as :func:`weighted_nll`."""
        return weighted_nll(logits, inputs["labels"], inputs["weights"], items, predicting)


def weighted_nll(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    items: torch.Tensor | int | None = None,
    predicting: torch.Tensor | None = None,
) -> torch.Tensor:
    """Scalar loss of logits (B, T, V), labels (B, T), weights (B, T); `items` trained tokens, counted if None.

    With `predicting` (K,), positions in ascending order, the logits are (B, K, V), of these positions alone.
    """
    if items is None:
        items = (labels[:, 1:] != IGNORED).sum()
    nll = next_token_nll(logits, at_predictions(labels, predicting), predicting)
    return (nll * at_predictions(weights, predicting)).sum() / items


def at_predictions(column: torch.Tensor, predicting: torch.Tensor | None) -> torch.Tensor:
    """A column (B, T) at the tokens that are predicted: flat (B * (T - 1),), or (B * K,) with `predicting` (K,)."""
    return (column[:, 1:] if predicting is None else column[:, predicting + 1]).flatten()


def next_token_nll(logits: torch.Tensor, labels: torch.Tensor, predicting: torch.Tensor | None) -> torch.Tensor:
    """NLL of labels as :func:`at_predictions` gives them, 0 where they are IGNORED."""
    if predicting is None:
        logits = logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1).float(), labels, ignore_index=IGNORED, reduction="none")


def token_nll(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """NLL (B * (T - 1),) of the labels from the second on, 0 where they are IGNORED."""
    return next_token_nll(logits, at_predictions(labels, None), None)
