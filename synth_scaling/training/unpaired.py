"""KTO (arXiv 2402.01306) on TRL's KTOTrainer, from token ids."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, disable_progress_bars
from trl import KTOConfig, KTOTrainer

from synth_scaling.core.flops import matmul_parameters, training_flops
from synth_scaling.core.records import UnpairedRow
from synth_scaling.core.stage import Cost
from synth_scaling.core.validation import ConfigError
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.training.lora import adapter
from synth_scaling.training.sharded import ShardedTrainer
from synth_scaling.training.trainer import Curve, CurveRecorder, Training, arguments, load_model, run


def train_unpaired(
    rows: Sequence[UnpairedRow],
    training: Training,
    folder: Path,
    *,
    beta: float,
    desirable: float,
    undesirable: float,
    curve: Curve = lambda point: None,
) -> Cost:
    """Train on responses with the start checkpoint as reference; write the checkpoint to `folder`, return the cost.

    Batches are those of `rows` in order, the same in every epoch: the KL term of a batch is estimated from its prompts,
    each with the response of the row before. Raises ValueError if there are no rows, ConfigError for batches of one.
    """
    if not rows:
        raise ValueError("nothing to train on: the method built no rows")
    config = {**arguments(training, folder), "train_sampling_strategy": "sequential"}
    if (size := config["per_device_train_batch_size"]) < 2:
        raise ConfigError(f"trainer.batch_size={training.options.batch_size}: KTO needs 2 rows or more at a time")
    if training.options.num_processes > 1:
        raise ConfigError(f"trainer.num_processes={training.options.num_processes}: allowed is 1 with method=kto")
    if not sys.stderr.isatty():
        disable_progress_bars()
        os.environ.setdefault("TQDM_DISABLE", "1")  # TRL's bar over the reference pass cannot be disabled otherwise
    tokenizer = load_tokenizer(training.start)
    examples = with_mismatched([example(row, tokenizer.eos_token_id) for row in rows], size)
    kto_config = KTOConfig(
        **config,
        beta=beta,
        desirable_weight=desirable,
        undesirable_weight=undesirable,
        max_length=None,
        precompute_ref_log_probs=True,
    )
    trainer = TokenKTOTrainer(
        load_model(training),
        args=kto_config,
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        peft_config=adapter(training.options.lora),  # then the reference is the model with its adapter disabled
        callbacks=[CurveRecorder(training, folder, curve)],
    )
    run(trainer, training, folder)
    once = sum(len(e["prompt_ids"]) + len(e["completion_ids"]) for e in examples)
    tokens = round(training.epochs * once)
    mismatched = sum(len(e["prompt_ids"]) + len(e["KL_completion_ids"]) for e in examples)
    forward = once + mismatched + round(training.epochs * mismatched)  # reference, and the KL term
    frozen = training.options.lora.rank > 0
    flops = training_flops(matmul_parameters(folder), tokens, forward, frozen=frozen)
    return Cost(tokens_trained=tokens, flops_training=flops)


def example(row: UnpairedRow, eos: int) -> dict[str, Any]:
    """TRL's columns of one response; the end token is appended iff the row ends."""
    completion = [*row.completion, *([eos] if row.ends else [])]
    return {"prompt_ids": list(row.prompt), "completion_ids": completion, "label": row.desirable}


def with_mismatched(examples: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """`examples`, each with the response of the one before in its batch of `size`, the first with the last one's."""
    batches = [examples[i : i + size] for i in range(0, len(examples), size)]
    return [e | {"KL_completion_ids": batch[i - 1]["completion_ids"]} for batch in batches for i, e in enumerate(batch)]


class TokenKTOTrainer(ShardedTrainer, KTOTrainer):
    """TRL's KTOTrainer for rows of token ids."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset
